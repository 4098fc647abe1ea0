"""What the words of annotations say of values: `unit:ns`, `mode`, `flags:PG_`, `owner:task`.

`meaning_of()` makes a `Meaning` of a word, for values of a certain size in a certain kernel.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from btfdump._meaning import Meaning, addresses, amounts, files, names
from btfdump._meaning.bits import bits_in, flag_list, ranges, set_text
from btfdump._meaning.named import enumeration, flags
from btfdump._meaning.site import Site, scalar
from btfdump.errors import AnnotationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Literal

    from btfdump._meaning import Surroundings

    Text = Callable[[int], str]


def meaning_of(word: str, argument: str, site: Site) -> Meaning:
    """Return what `word:argument` says of a value.

    Raises `AnnotationError` if that cannot be said of one at this site.
    """
    name = f"{word}:{argument}" if argument else word
    if word == "fold":
        return Meaning(name, is_folded=True)
    if word in ("flags", "gfp", "bits"):
        return flags(name, word, argument, site)
    if word == "enum":
        return enumeration(name, argument, site)
    if word in _SETS:
        return _set(name, word, argument, site)
    if word in _BYTES:
        return _of_bytes(name, word, argument, site)
    if word in ("unit", "time"):
        return _amount(name, word, argument, site)
    if word in ("owner", "pid"):
        return _owner(name, argument, site) if word == "owner" else _pid(name, site)
    text = _NUMBERS.get(word)
    if text is None:
        raise AnnotationError(f"no meaning is called {word}")
    if word in ("port", "be", "le"):
        return _ordered(name, word, site)
    if word in ("signed", "dec"):
        return _decimal(name, word, site)
    if word == "err" and not site.is_pointer and site.size < site.word:
        raise AnnotationError("expected a pointer, or an integer as wide as one")
    return scalar(name, text, site, base=8 if word == "mode" else 10)


# Sets

_SETS = frozenset(("bitmap", "capability", "cpumask", "nodemask", "sigset"))


def _set(name: str, word: str, argument: str, site: Site) -> Meaning:
    """A bitmap, in longs."""
    most = _number(argument) if word == "bitmap" and argument else 0
    byteorder, long = site.byteorder, site.word
    surroundings = site.surroundings

    def of_bytes(data: bytes) -> str:
        last = surroundings.cpus if word == "cpumask" and surroundings is not None else most
        bits = bits_in(data, byteorder, min(long, len(data)) or 1, last)
        if not bits:
            return "none"
        if word == "sigset":
            return set_text(bits, lambda bit: signal_name(bit + 1) or str(bit + 1), 64)
        if word == "capability":
            everything = len(names.table("capability").names)
            return set_text(bits, _capability, everything)
        return ranges(bits)

    size = site.size

    def text(value: int) -> str:
        return of_bytes((value & (1 << size * 8) - 1).to_bytes(size, byteorder))

    if word in ("sigset", "capability") and site.size > 128:
        raise AnnotationError(f"expected a set, not {site.size} bytes")
    return Meaning(name, None if site.is_bytes else text, of_bytes, None, 16)


_SIGRTMIN, _SIGRTMAX = 34, 64


def signal_name(number: int) -> str:
    """Return the name of a signal; real-time ones are numbered from SIGRTMIN on.

    Programs' SIGRTMIN is 34: the C libraries keep 32 and 33, and musl 34, for themselves.
    """
    known = names.table("signal").names.get(number)
    if known:
        return known
    if number == _SIGRTMIN:
        return "SIGRTMIN"
    return f"SIGRTMIN+{number - _SIGRTMIN}" if _SIGRTMIN < number <= _SIGRTMAX else ""


def _capability(bit: int) -> str:
    return names.table("capability").names.get(1 << bit, str(bit))


# Bytes

_BYTES: Mapping[str, int] = {"ipv4": 4, "ipv6": 16, "mac": 0, "uuid": 16, "sockaddr": 16}
_EXACT = frozenset(("ipv4", "ipv6", "uuid"))


def _of_bytes(name: str, word: str, argument: str, site: Site) -> Meaning:
    """Addresses, which are bytes in network order."""
    least = _number(argument) if argument else _BYTES[word]
    if word == "mac" and site.is_pointer:
        return _pointed_mac(name, least or 6, site)
    if site.size < least or (word in _EXACT and site.size > least):
        raise AnnotationError(f"expected {least} bytes, not {site.size}")
    byteorder = site.byteorder
    formats: dict[str, Callable[[bytes], str]] = {
        "ipv4": addresses.ipv4,
        "ipv6": addresses.ipv6,
        "mac": lambda data: addresses.mac(data[: least or len(data)]),
        "uuid": addresses.uuid,
        "sockaddr": lambda data: addresses.sockaddr(data, byteorder),
    }
    of_bytes = formats[word]
    size = site.size

    def text(value: int) -> str:
        return of_bytes((value & (1 << size * 8) - 1).to_bytes(size, byteorder))

    return Meaning(name, None if site.is_bytes else text, of_bytes)


def _pointed_mac(name: str, length: int, site: Site) -> Meaning:
    """An address that a pointer leads to, such as net_device.dev_addr since 5.17."""
    surroundings = site.surroundings

    def text(value: int) -> str:
        data = surroundings.read(value, length) if surroundings is not None and value else b""
        return addresses.mac(data)

    return Meaning(name, text, None, None, 16, is_lasting=False)


def _number(text: str) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        number = 0
    if not 0 < number <= 1 << 16:
        raise AnnotationError(f"expected a number of up to {1 << 16}, not {text!r}")
    return number


# Amounts and moments


_FIRST_SECONDS = 300
"""Seconds by which jiffies start below 1 << 32 (include/linux/jiffies.h: INITIAL_JIFFIES)."""


def _amount(name: str, word: str, argument: str, site: Site) -> Meaning:
    surroundings = site.surroundings
    unit, _, of = argument.partition(":")
    if word == "time" and unit in _CLOCKS and of in ("", "s", "ns", "timespec"):
        return _moment(name, unit, of, site)
    if word == "time" and argument == "boot:jiffies":
        return scalar(name, partial(_jiffies_after_boot, surroundings), site)
    text: Text | None = None
    if word == "time" and argument == "jiffies":
        text = partial(_jiffies_moment, surroundings, site.size)
        return scalar(name, text, site, is_lasting=False)
    if word == "unit" and argument == "pages":
        page = surroundings.page_size if surroundings is not None else 0
        text = lambda value: amounts.size(value * page) if page and value > 0 else ""  # noqa: E731
    elif word == "unit" and argument == "jiffies":
        text = partial(_jiffies, surroundings)
    elif word == "unit":
        text = _UNITS.get(argument)
    if text is None:
        known = ", ".join(("unit:jiffies", "unit:pages", *(f"unit:{one}" for one in _UNITS)))
        moments = ", ".join(("time:jiffies", *(f"time:{clock}" for clock in _CLOCKS)))
        raise AnnotationError(f"expected {known}, {moments}")
    return scalar(name, text, site)


_UNITS: Mapping[str, Text] = {
    "ns": amounts.duration,
    "us": lambda value: amounts.duration(value * 1_000),
    "ms": lambda value: amounts.duration(value * 1_000_000),
    "s": lambda value: amounts.duration(value * amounts.NS),
    "ktime": amounts.duration,
    "clock_t": lambda value: amounts.duration(value * amounts.NS // amounts.USER_HZ),
    "bytes": lambda value: amounts.size(value) if value >= 1024 else "",
    "KiB": lambda value: amounts.size(value * 1024) if value > 0 else "",
    "sectors": lambda value: amounts.size(value * 512) if value > 0 else "",
    "percent": lambda value: f"{value} %",
}


def _jiffies(surroundings: Surroundings | None, value: int) -> str:
    hz = surroundings.hz() if surroundings is not None else None
    return amounts.duration(value * amounts.NS // hz) if hz else ""


def _jiffies_after_boot(surroundings: Surroundings | None, value: int) -> str:
    """Return the moment that the counter itself tells: it wraps 32 bits after five minutes."""
    hz = surroundings.hz() if surroundings is not None else None
    if not hz:
        return ""
    ticks = value - ((1 << 32) - _FIRST_SECONDS * hz)
    return amounts.after_boot(ticks * amounts.NS // hz) if ticks > 0 else ""


def _jiffies_moment(surroundings: Surroundings | None, size: int, value: int) -> str:
    """Return a moment in jiffies, seen from that at which the kernel was stopped."""
    if surroundings is None or not value:
        return ""
    hz, now = surroundings.hz(), surroundings.jiffies()
    if not hz or now is None:
        return ""
    bits = size * 8
    distance = (value - now) & (1 << bits) - 1
    if distance >> (bits - 1):
        distance -= 1 << bits
    nanoseconds = abs(distance) * amounts.NS // hz
    return amounts.relative(nanoseconds if distance > 0 else -nanoseconds)


_CLOCKS: Mapping[str, str] = {
    "epoch": "",
    "boot": "",
    "mono": "",
    "sched": "of the scheduler's clock",
    "task": "of the run queue's task clock",
    "clock": "of its clock",
}
"""The clocks of moments; of those that are not promised to begin at any moment, what is said."""


def _moment(name: str, clock: str, of: str, site: Site) -> Meaning:
    """A moment on a clock: of an integer in nanoseconds, or of a struct timespec64."""
    byteorder = site.byteorder

    def said(seconds: int, nanoseconds: int) -> str:
        if clock == "epoch":
            return amounts.date(seconds, nanoseconds)
        if _CLOCKS[clock]:
            return amounts.at(seconds * amounts.NS + nanoseconds, _CLOCKS[clock])
        told = amounts.after_boot(seconds * amounts.NS + nanoseconds)
        # This clock stands still while the machine is suspended.
        return f"{told} (monotonic)" if clock == "mono" and told.endswith("boot") else told

    if site.size == 16:
        if site.is_array:
            raise AnnotationError("expected a struct timespec64 or an integer, not an array")

        def of_bytes(data: bytes) -> str:
            return said(*amounts.from_timespec(data, byteorder))

        return Meaning(name, None, of_bytes)
    in_seconds = of == "s" or (not of and clock == "epoch")

    def text(value: int) -> str:
        return said(value, 0) if in_seconds else said(*divmod(value, amounts.NS))

    return scalar(name, text, site)


# Numbers


def _ordered(name: str, word: str, site: Site) -> Meaning:
    """A number in network byte order, or one that is in the kernel's: as the number that it is."""
    is_network = site.is_network or word == "be"
    order: Literal["little", "big"] = "little" if word == "le" else "big"
    size, byteorder = site.size, site.byteorder

    def text(value: int) -> str:
        if word == "port" and not is_network:
            return ""
        number = int.from_bytes((value & (1 << size * 8) - 1).to_bytes(size, byteorder), order)
        return str(number) if number != value else ""

    return scalar(name, text, site, is_ordered=True)


def _decimal(name: str, word: str, site: Site) -> Meaning:
    """A number that is shown in decimal, whatever its size, or with its sign."""
    top = 1 << site.size * 8

    def text(value: int) -> str:
        number = value - top if word == "signed" and value >> (site.size * 8 - 1) == 1 else value
        return str(number)

    return scalar(name, text, site, base=16)


def error_name(number: int) -> str:
    """Return the name of an error, given as the kernel returns it: `-2` is ENOENT."""
    return names.table("errno").names.get(-number, "") if number < 0 else ""


def _error(value: int) -> str:
    return error_name(value) if value < 0 else ""


def _pointer_error(value: int) -> str:
    for bits in (64, 32):
        if value >= (1 << bits) - 4095 and value < 1 << bits:
            return error_name(value - (1 << bits))
    return _error(value)


def _exit_code(value: int) -> str:
    """Return what a task's exit_code says (include/uapi/linux/wait.h): a status, or a signal."""
    signal, status = value & 0x7F, value >> 8 & 0xFF
    if not signal:
        return f"exit {status}"
    core = " (core dumped)" if value & 0x80 else ""
    return f"killed by {signal_name(signal) or f'signal {signal}'}{core}"


def _id(value: int, who: str) -> str:
    return "root" if not value and who == "uid" else "none" if value in (-1, 0xFFFFFFFF) else ""


def _refcount(value: int) -> str:
    """Return what is wrong with a count: include/linux/refcount.h saturates at INT_MIN / 2."""
    value &= 0xFFFFFFFF
    return "saturated" if 0xA0000000 <= value < 0xE0000000 else ""


def _version(value: int) -> str:
    return f"{value >> 16}.{value >> 8 & 0xFF}.{value & 0xFF}" if value > 0 else ""


_NUMBERS: Mapping[str, Text] = {
    "dev": files.device,
    "mode": files.mode,
    "signal": lambda value: signal_name(value) if value > 0 else "",
    "errno": _error,
    "err": _pointer_error,
    "exit": _exit_code,
    "uid": partial(_id, who="uid"),
    "gid": partial(_id, who="gid"),
    "refcount": _refcount,
    "version": _version,
    "signed": str,
    "dec": str,
    "port": str,
    "be": str,
    "le": str,
}


def _pid(name: str, site: Site) -> Meaning:
    """A pid in the initial namespace: the task that has it now."""
    surroundings = site.surroundings

    def text(value: int) -> str:
        comm = surroundings.pid(value) if surroundings is not None and value > 0 else ""
        return f'task "{comm}"' if comm else ""

    return scalar(name, text, site, is_lasting=False)


_OWNER_MASK = 7
"""Bits of the address of a task that locks use for flags: tasks are aligned to more than that."""


def _owner(name: str, argument: str, site: Site) -> Meaning:
    """The task that holds a lock; the low bits of its address are flags, named in their order.

    `owner:task:waiters,handoff,pickup` is struct mutex (kernel/locking/mutex.h). `owner:reader` is
    the task that took a lock for reading last: others may have it, or none.
    """
    kind, _, listed = argument.partition(":")
    flags = [one.strip() for one in listed.split(",")] if listed else ["waiters"]
    if kind not in ("task", "reader") or len(flags) > _OWNER_MASK.bit_length():
        raise AnnotationError(
            "expected owner:task, or owner:task:FLAG,FLAG,FLAG for the low bits, or owner:reader"
        )
    surroundings = site.surroundings
    full = (1 << site.size * 8) - 1

    def text(value: int) -> str:
        value &= full
        address, low = value & ~_OWNER_MASK, value & _OWNER_MASK
        said = flag_list(low, {1 << bit: flag for bit, flag in enumerate(flags)})
        said = said or ([hex(low)] if low else [])
        if not address:
            return ", ".join(said)
        who = surroundings.task(address) if surroundings is not None else hex(address)
        if kind == "reader":
            return _last_reader(surroundings, who) or f"last reader: {address:#x}, no task now"
        where = f"task {who}" if who else f"{address:#x}, no task"
        return f"-> {where} ({', '.join(['locked', *said])})"

    return scalar(name, text, site, base=16, is_lasting=False)


def _last_reader(surroundings: Surroundings | None, who: str) -> str:
    """Return which task took a lock for reading last, and whether it is there no more."""
    pid = who.rpartition(" ")[2]
    is_gone = surroundings is not None and pid.isdecimal() and not surroundings.pid(int(pid))
    return f"last reader: task {who}{', gone' if is_gone else ''}" if who else ""
