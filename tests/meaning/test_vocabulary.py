"""What each word says of values, of either byte order, with a kernel and without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._meaning.site import Site
from btfdump._meaning.vocabulary import meaning_of
from btfdump._meaning.words import BARE, KEYED
from btfdump.errors import AnnotationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

MASKS = {"color": {1: "RED", 4: "BLUE"}, "kind": {1: "A", 0x10: "B", 0x20: "C", 0x30: "BOTH"}}
VALUES = {"color": {0: "NONE", 1: "RED"}}


class Kernel:
    """A kernel of 250 jiffies a second, with one task at 0x1000, and pages of 4 KiB."""

    byteorder: Literal["little", "big"] = "little"
    page_size = 4096
    cpus = 4
    machine = "x86_64"

    def hz(self) -> int | None:
        return 250

    def jiffies(self) -> int | None:
        return (1 << 32) + 1000

    def flag_names(self, symbol: str) -> Mapping[int, str]:
        return {1: "read", 0x10: "moved", 0x8000: "seqread"} if symbol == "vmaflag_names" else {}

    def state_letters(self, symbol: str) -> str:
        return "RSXT" if symbol == "task_state_array" else ""

    def pid(self, number: int) -> str:
        return "init" if number == 1 else ""

    def task(self, address: int) -> str:
        return '"init" pid 1' if address == 0x1000 else ""

    def read(self, address: int, size: int) -> bytes:
        return bytes.fromhex("f64fe033a1a9")[:size] if address == 0x2000 else b""


def site(
    size: int = 4,
    *,
    big: bool = False,
    network: bool = False,
    pointer: bool = False,
    many: bool = False,
    kernel: Kernel | None = None,
) -> Site:
    return Site(
        size,
        "big" if big else "little",
        8,
        network,
        pointer,
        many,
        lambda names, is_bits: MASKS.get(names, {}),
        lambda names: VALUES.get(names, {}),
        kernel,
    )


def said(words: str, value: int, where: Site) -> str:
    word, _, argument = words.partition(":")
    meaning = meaning_of(word, argument, where)
    assert meaning.name == words
    assert meaning.text is not None
    return meaning.text(value)


@pytest.mark.parametrize(
    ("words", "value", "size", "text"),
    [
        ("flags:color", 5, 4, "RED|BLUE"),
        ("flags:color", 7, 4, "RED|BLUE|0x2"),
        ("flags:color", 0, 4, ""),
        ("bits:color", 1, 4, "RED"),
        ("flags:table task_state", 0x2001, 4, "TASK_INTERRUPTIBLE|TASK_FREEZABLE"),
        ("flags:table task_state", 0, 4, "TASK_RUNNING"),
        ("flags:table open_flags", 0o2, 4, "O_RDWR"),
        ("flags:table vm_flags", 3, 8, "VM_READ|VM_WRITE"),
        ("gfp", 0x40, 4, "___GFP_IO"),
        ("enum:color", 1, 4, "RED"),
        ("enum:color", 0, 4, "NONE"),
        ("enum:color", 9, 4, ""),
        ("enum:table address_family", 10, 2, "AF_INET6"),
        ("enum:color,table ipv6_protocol", 1, 4, "RED"),
        ("enum:color,table ipv6_protocol", 0, 4, "NONE"),
        ("enum:color,table ipv6_protocol", 58, 4, "IPPROTO_ICMPV6"),
        ("unit:ns", 244_000_000, 8, "244 ms"),
        ("unit:us", 1_500, 8, "1.5 ms"),
        ("unit:ms", 5, 4, "5 ms"),
        ("unit:s", 90, 4, "1 min 30 s"),
        ("unit:clock_t", 150, 8, "1.5 s"),
        ("unit:ktime", (1 << 63) - 1, 8, "for ever"),
        ("unit:bytes", 4096, 8, "4 KiB"),
        ("unit:bytes", 100, 8, ""),
        ("unit:KiB", 2048, 8, "2 MiB"),
        ("unit:sectors", 8, 8, "4 KiB"),
        ("unit:percent", 60, 4, "60 %"),
        ("unit:jiffies", 250, 8, "1 s"),
        ("unit:pages", 3, 8, "12 KiB"),
        ("time:boot", 252_000_000, 8, "0.252 s after boot"),
        ("time:mono", 252_000_000, 8, "0.252 s after boot (monotonic)"),
        ("time:mono", 0, 8, ""),
        ("time:sched", 18_651_786_941, 8, "at 18.651 s of the scheduler's clock"),
        ("time:task", 90_000_000_000, 8, "at 1 min 30 s of the run queue's task clock"),
        ("time:clock", 18_655_184_427, 8, "at 18.655 s of its clock"),
        ("time:clock", (1 << 63) - 1, 8, "never"),
        ("time:clock", 0, 8, ""),
        ("time:epoch", 1_795_000_000, 8, "2026-11-18 11:06:40 UTC"),
        ("time:epoch:ns", 1_795_000_000_000_000_000, 8, "2026-11-18 11:06:40 UTC"),
        ("time:jiffies", (1 << 32) + 1250, 8, "in 1 s"),
        ("time:jiffies", (1 << 32) + 500, 8, "2 s ago"),
        ("time:jiffies", 1000, 4, "now"),
        ("time:boot:jiffies", (1 << 32) - 300 * 250 + 375, 8, "1.5 s after boot"),
        ("time:boot:jiffies", (1 << 32) + 250, 8, "5 min 1 s after boot"),
        ("time:boot:jiffies", 7, 8, ""),
        ("dev", 5 << 20 | 1, 4, "5:1"),
        ("mode", 0o020600, 2, "character device rw-------"),
        ("signal", 17, 4, "SIGCHLD"),
        ("signal", 34, 4, "SIGRTMIN"),
        ("signal", 37, 4, "SIGRTMIN+3"),
        ("signal", 33, 4, ""),
        ("unit:KiB", 12, 8, "12 KiB"),
        ("unit:ns", (1 << 64) - 1000, 8, ""),
        ("owner:reader", 0x1001, 8, 'last reader: task "init" pid 1'),
        ("owner:reader", 0x9001, 8, "last reader: 0x9000, no task now"),
        ("errno", -2, 4, "ENOENT"),
        ("exit", 768, 4, "exit 3"),
        ("exit", 9, 4, "killed by SIGKILL"),
        ("exit", 139, 4, "killed by SIGSEGV (core dumped)"),
        ("uid", 0, 4, "root"),
        ("uid", 0xFFFFFFFF, 4, "none"),
        ("gid", 0, 4, ""),
        ("pid", 7, 4, ""),
        ("pid", 1, 4, 'task "init"'),
        ("refcount", 0xC0000000, 4, "saturated"),
        ("version", 0x060C75, 4, "6.12.117"),
        ("signed", 0xFFFFFFFE, 4, "-2"),
        ("dec", 1 << 60, 8, str(1 << 60)),
        ("le", 0x1092, 2, ""),
        ("be", 0x9210, 2, "4242"),
        ("ipv4", 0x0100007F, 4, "127.0.0.1"),
        ("sigset", 1 << 16, 8, "SIGCHLD"),
        ("capability", 1 << 21, 8, "CAP_SYS_ADMIN"),
        ("capability", (1 << 41) - 1, 8, "all"),
        ("bitmap", 7, 8, "0-2"),
        ("bitmap:2", 7, 8, "0-1"),
        ("cpumask", 0xFFF3, 8, "0-1"),  # of what lies beyond four CPUs nothing was written
        ("nodemask", 0x21, 8, "0,5"),
        ("owner:task", 0x1001, 8, '-> task "init" pid 1 (locked, waiters)'),
        ("owner:task:waiters,up", 0x1003, 8, '-> task "init" pid 1 (locked, waiters, up)'),
        ("owner:task", 0x9000, 8, "-> 0x9000, no task (locked)"),
        ("owner:task", 0, 8, ""),
    ],
)
def test_values(words: str, value: int, size: int, text: str) -> None:
    assert said(words, value, site(size, kernel=Kernel())) == text


def test_the_sign_of_an_int_is_no_flag() -> None:
    """SB_NOUSER is 1 << 31, a negative int, and s_flags an unsigned long."""
    flags = "flags:table sb_flags"
    assert said(flags, 0xFFFFFFFF80000001, site(8)) == "SB_RDONLY|SB_NOUSER"
    assert said(flags, 0xFFFFFFFF00000001, site(8)) == "SB_RDONLY|0xffffffff00000000"
    assert said(flags, 0x80000001, site(4)) == "SB_RDONLY|SB_NOUSER"


def test_ports_are_in_network_order_where_their_type_is() -> None:
    assert said("port", 0x9210, site(2, network=True)) == "4242"
    assert said("port", 0x1092, site(2, network=True, big=True)) == ""  # it is what is shown
    assert said("port", 4242, site(2)) == ""


def test_names_of_what_is_in_network_order() -> None:
    """ETH_P_IP, 0x800, is 8 to a little-endian machine, which is another type."""
    words = "enum:table ethertype"
    assert said(words, 0x0008, site(2, network=True)) == "ETH_P_IP"
    assert said(words, 0x0800, site(2, network=True, big=True)) == "ETH_P_IP"
    assert said(words, 0x0800, site(2)) == "ETH_P_IP"
    assert said("flags:color", 0x0100, site(2, network=True)) == "RED"
    meaning = meaning_of("flags", "color", site(2, network=True))
    assert meaning.names is not None
    assert meaning.names(0x0500) == ["RED", "BLUE"]


def test_big_endian() -> None:
    assert said("ipv4", 0x7F000001, site(4, big=True)) == "127.0.0.1"
    meaning = meaning_of("sigset", "", site(8, big=True))
    assert meaning.of_bytes is not None
    assert meaning.of_bytes((1 << 16).to_bytes(8, "big")) == "SIGCHLD"


def test_bytes() -> None:
    wide = site(1024, many=True, kernel=Kernel())
    cpus = meaning_of("cpumask", "", wide)
    assert cpus.text is None
    assert cpus.of_bytes is not None
    assert cpus.of_bytes(b"\3".ljust(1024, b"\xff")) == "0-1"
    moment = meaning_of("time", "epoch", site(16, many=True))
    assert moment.of_bytes is not None
    assert moment.of_bytes((1_795_000_000).to_bytes(8, "little") + bytes(8)) == (
        "2026-11-18 11:06:40 UTC"
    )
    hardware = meaning_of("mac", "6", site(32, many=True))
    assert hardware.of_bytes is not None
    assert hardware.of_bytes(bytes(range(32))) == "00:01:02:03:04:05"


def test_an_address_behind_a_pointer() -> None:
    where = site(8, pointer=True, kernel=Kernel())
    assert said("mac:6", 0x2000, where) == "f6:4f:e0:33:a1:a9"
    assert said("mac:6", 0x3000, where) == ""
    assert not meaning_of("mac", "6", where).is_lasting


def test_the_kernels_own_table_is_asked_first() -> None:
    """Its names are our macros where both say the same; a bit that moved is what it says."""
    assert said("flags:table vm_flags", 0x13, site(8, kernel=Kernel())) == "VM_READ|moved|VM_WRITE"


def test_a_state_that_the_kernel_has_another_word_for_is_a_number() -> None:
    """`task_state_array` has no macros, but initials: of this kernel's second bit another one."""
    assert said("flags:table task_state", 7, site(kernel=Kernel())) == (
        "TASK_INTERRUPTIBLE|__TASK_STOPPED|0x2"
    )
    assert said("flags:table task_state", 2, site()) == "TASK_UNINTERRUPTIBLE"


def test_without_a_kernel_what_needs_one_is_not_said() -> None:
    for words in ("unit:jiffies", "unit:pages", "time:jiffies"):
        assert said(words, 1000, site(8)) == ""
    assert said("owner:task", 0x1000, site(8)) == "-> task 0x1000 (locked)"


def test_errors_are_named_for_pointers_and_integers() -> None:
    assert said("err", (1 << 64) - 2, site(8, pointer=True)) == "ENOENT"
    assert said("err", -2, site(8)) == "ENOENT"


@pytest.mark.parametrize(
    ("words", "where", "reason"),
    [
        ("flags:nothing", site(), "no such enum or prefix"),
        ("flags:table nothing", site(), "no table nothing; there are "),
        ("enum:nothing", site(), "no such enum, enumerator or prefix"),
        ("enum:color,table nothing", site(), "no table nothing; there are "),
        ("enum:color,RED", site(), "expected 'table NAME' after the comma, not 'RED'"),
        ("enum:table errno,table errno", site(), "expected nothing after a table"),
        ("unit:parsec", site(), "expected unit:jiffies, "),
        ("time:noon", site(), "expected unit:jiffies, "),
        ("mode", site(16, many=True), "expected an integer, not 16 bytes"),
        (
            "time:boot",
            site(16, many=True)._replace(is_array=True),
            "expected a struct timespec64 or an integer, not an array",
        ),
        ("dev", site(12), "expected an integer, not 12 bytes"),
        ("ipv6", site(4), "expected 16 bytes, not 4"),
        ("ipv4", site(8), "expected 4 bytes, not 8"),
        ("sockaddr", site(4), "expected 16 bytes, not 4"),
        ("mac:8", site(6, many=True), "expected 8 bytes, not 6"),
        ("bitmap:x", site(8), "expected a number of up to 65536, not 'x'"),
        ("owner:me", site(8), "expected owner:task, or "),
        ("err", site(2), "expected a pointer, or an integer as wide as one"),
        ("sigset", site(1024, many=True), "expected a set, not 1024 bytes"),
        ("riddle", site(), "no meaning is called riddle"),
    ],
)
def test_what_cannot_be_said(words: str, where: Site, reason: str) -> None:
    word, _, argument = words.partition(":")
    with pytest.raises(AnnotationError) as raised:
        meaning_of(word, argument, where)
    assert str(raised.value).startswith(reason)


def test_every_word_is_known() -> None:
    for word in BARE:
        size = {"ipv4": 4, "ipv6": 16, "uuid": 16, "sockaddr": 16}.get(word, 8)
        meaning_of(word, "", site(size, many=size > 8, kernel=Kernel()))
    arguments = {"bits": "color", "enum": "color", "flags": "color", "owner": "task"}
    arguments |= {"time": "boot", "unit": "ns", "bitmap": "4", "mac": "6"}
    assert set(arguments) == set(KEYED)
    for word, argument in arguments.items():
        meaning_of(word, argument, site(8))


@pytest.mark.parametrize(
    ("machine", "text"),
    [
        ("x86_64", "O_WRONLY|O_DIRECT|O_LARGEFILE"),
        ("aarch64", "O_WRONLY|O_DIRECTORY|O_NOFOLLOW"),
        ("another", "O_WRONLY|0xc000"),
    ],
)
def test_macros_that_are_others_on_other_machines(machine, text):
    kernel = Kernel()
    kernel.machine = machine
    assert said("flags:table open_flags", 0xC001, site(kernel=kernel)) == text


def test_of_what_machine_a_value_is_may_be_unknown():
    assert said("flags:table open_flags", 0xC001, site()) == "O_WRONLY|0xc000"


def test_a_name_of_the_kernels_own_is_spelled_as_the_macro_where_it_is_the_same():
    shown = said("flags:table vm_flags", 0x8011, site(8, kernel=Kernel()))
    assert shown == "VM_READ|moved|VM_SEQ_READ"


@pytest.mark.parametrize(
    ("value", "text"), [(0x31, "BOTH|A"), (0x11, "A|B"), (0x20, "C"), (0x70, "BOTH|0x40")]
)
def test_a_number_of_several_bits_comes_before_the_bits(value, text):
    assert said("flags:kind", value, site()) == text
