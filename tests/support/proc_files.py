"""Files of /proc and /sys, made by hand."""


def write(running, path, data):
    (running.root / path).write_bytes(data)
