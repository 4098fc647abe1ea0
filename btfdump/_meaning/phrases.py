"""The words of annotations in plain English, for those who ask how a tag was understood."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from btfdump._meaning import Meaning

_MOST_NAMES = 8

_WORDS = {
    "dev": "a device number",
    "mode": "the type and permissions of a file",
    "signal": "the number of a signal",
    "sigset": "a set of signals",
    "capability": "a set of capabilities",
    "errno": "the number of an error",
    "err": "an error where a pointer may be",
    "exit": "the exit code of a task",
    "gfp": "flags of an allocation",
    "uid": "a user id",
    "gid": "a group id",
    "pid": "the number of a process",
    "refcount": "a number of references",
    "version": "a version of the kernel",
    "signed": "a number with a sign",
    "dec": "a number in decimal",
    "ipv4": "an IPv4 address",
    "ipv6": "an IPv6 address",
    "mac": "a hardware address",
    "port": "a port, in network byte order",
    "be": "a number in network byte order",
    "le": "a little-endian number",
    "sockaddr": "the address of a socket",
    "uuid": "a UUID",
    "bitmap": "a bitmap",
    "cpumask": "a set of CPUs",
    "nodemask": "a set of NUMA nodes",
    "fold": "of interest to few",
}
_UNITS = {
    "ns": "in nanoseconds",
    "us": "in microseconds",
    "ms": "in milliseconds",
    "s": "in seconds",
    "ktime": "in nanoseconds",
    "jiffies": "in jiffies",
    "clock_t": "in clock ticks of user space",
    "bytes": "in bytes",
    "KiB": "in KiB",
    "pages": "in pages",
    "sectors": "in sectors of 512 bytes",
    "percent": "in per cent",
}
_CLOCKS = {
    "epoch": "since 1970",
    "boot": "since boot",
    "mono": "since boot without sleep",
    "sched": "of the scheduler's clock",
    "task": "of the run queue's clock without interrupts and steal time",
    "clock": "of the clock that it belongs to",
}
_AMOUNTS = {"s": "seconds", "ns": "nanoseconds", "timespec": "a time", "jiffies": "jiffies"}


def phrase(word: str, argument: str = "") -> str:
    """Return what `word:argument` says of values: `flags of enum color`, `in nanoseconds`."""
    if word == "unit":
        return _UNITS.get(argument, f"in {argument}")
    if word == "time":
        return _moment(argument)
    if word == "owner":
        kind, _, flags = argument.partition(":")
        if kind == "reader":
            return "a pointer to the task that took it for reading last"
        return "a pointer to the task that holds it" + (f", with flags: {flags}" if flags else "")
    if word in ("flags", "bits", "enum"):
        what = {"flags": "flags", "bits": "numbers of bits", "enum": "one"}[word]
        return f"{what} of {_named(argument)}"
    if word in ("bitmap", "mac") and argument:
        unit = "bits" if word == "bitmap" else "bytes"
        return f"{_WORDS[word]} of {argument} {unit}"
    return _WORDS.get(word, f"{word}:{argument}" if argument else word)


def _moment(argument: str) -> str:
    if argument == "jiffies":
        return "a moment in jiffies"
    clock, _, of = argument.partition(":")
    amount = _AMOUNTS.get(of or ("s" if clock == "epoch" else "ns"), of)
    return f"{amount} {_CLOCKS.get(clock, clock)}"


def _named(argument: str) -> str:
    """Return what an annotation calls the names by: an enum, a prefix, or a table of macros."""
    if argument.startswith("table "):
        return f"the table {argument[len('table ') :].strip()}"
    return f"the names {argument}..." if argument.endswith("_") else f"enum {argument}"


def described(meaning: Meaning) -> str:
    """Return what a meaning says of values, with the first of the names that it knows."""
    word, _, argument = meaning.name.partition(":")
    names = list(meaning.known()) if meaning.known is not None else []
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    said = phrase(word, argument)
    return f"{said}: {', '.join(names[:_MOST_NAMES])}{more}" if names else said
