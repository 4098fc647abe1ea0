"""A running kernel as /proc shows it to a process with some capabilities."""

from __future__ import annotations

from btfdump._targets.running import RunningKernel

ROOT = 0x1FF_FFFF_FFFF
BPF, PERFMON, SYSLOG, ADMIN = 1 << 39, 1 << 38, 1 << 34, 1 << 21


def write(root, path, text):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def running(root, capabilities=ROOT, lockdown=""):
    write(root, "proc/self/status", f"Name:\tbtfdump\nCapPrm:\t0\nCapEff:\t{capabilities:016x}\n")
    if lockdown:
        write(root, "sys/kernel/security/lockdown", f"none integrity [{lockdown}]\n")
    return RunningKernel(root)
