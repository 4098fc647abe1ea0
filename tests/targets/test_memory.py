"""Many small reads at once, by memories that can do that and by those that cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._targets.buffer import BufferTarget
from btfdump._targets.memory import read_many, symbols_around, symbols_named
from btfdump._targets.symbols import Symbol

if TYPE_CHECKING:
    from collections.abc import Sequence

REQUESTS = [(0x1000, 4), (0x1004, 8), (0x5000, 1), (0x1FFC, 4), (0x1FFD, 4), (0x1000, 0)]
EXPECTED = [bytes(range(4)), bytes(range(4, 12)), None, b"\xfc\xfd\xfe\xff", None, b""]


def memory():
    return BufferTarget({0x1000: bytes(range(256)) * 16})


def test_one_by_one():
    assert read_many(memory(), REQUESTS) == EXPECTED


def test_all_at_once():
    class Gathering(BufferTarget):
        asked: Sequence[tuple[int, int]] = ()

        def read_many(self, requests: Sequence[tuple[int, int]]) -> list[bytes | None]:
            self.asked = requests
            return [b"found"]

    gathering = Gathering()
    assert read_many(gathering, REQUESTS) == [b"found"]
    assert gathering.asked == REQUESTS


def test_a_wrapper_that_passes_attributes_on_is_read_through():
    """Or its own read() would be passed by."""

    class Wrapper:
        def __init__(self, inner):
            self.inner = inner

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def read(self, address, size):
            return self.inner.read(address, size).upper()

    class Gathering(BufferTarget):
        def read_many(self, requests):
            raise AssertionError

    assert read_many(Wrapper(Gathering({0: b"abcd"})), [(0, 4)]) == [b"ABCD"]


def test_symbols_of_a_target_that_knows_no_others():
    class Plain:
        """A target that somebody has written, with what the protocol asks for."""

        def __init__(self, target: BufferTarget) -> None:
            self._target = target

        def __getattr__(self, name: str) -> object:
            return getattr(self._target, name)

    plain: Any = Plain(BufferTarget(symbols={"x": 0x1000}))
    assert symbols_named(plain, "x") == [Symbol(0x1000)]
    assert symbols_named(plain, "y") == []
    assert symbols_around(plain, 0x1000) == ("", "")
