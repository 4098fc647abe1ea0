"""Hostile tags, expressions, paths and overlay files; expressions against their known values.

What users type is another language than what annotations state, and of the same value.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar
from zlib import crc32

from btfdump._annotate.grammar import Condition, Contains, Length, NotUnderstood, Skip, parse
from btfdump._annotate.overlay import Overlay, library
from btfdump._graph.limits import Limits
from btfdump._kernel.evaluation import Evaluation, Found
from btfdump._kernel.expression import Path as MemberPath
from btfdump._kernel.expression import evaluate, evaluate_length
from btfdump._kernel.grammar import parse as parse_typed
from btfdump.errors import BtfdumpError
from fuzz.harness import Harness, expect, expect_printable
from fuzz.mutation import HOSTILE, mutate
from fuzz.samples import room
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from random import Random

    from btfdump._kernel.grammar import Name

_MEMBERS = {"count": 3, "shift": 5, "mask": 0xFF, "big": (1 << 64) - 1, "zero": 0}
_WORDS = (
    *_MEMBERS, "item", "link", "items", "self", "data", "other", "parent", "root", "text",
    "struct item", "vmlinux:struct item", "item@3", "struct item@3", "contains", "counted_by",
    "len", "points_to", "typed_by", "placed", "cond",
    "container_of", "follow", "flags", "skip", "show", "space", "role", "arg", "string", "hex",
    "user", "percpu", "rcu", "link", "spin_lock", "0", "1", "3", "63", "64", "0x10", "1e9", "1j",
    "10000000000000000000000", "''", "b''", "None", "True", "lambda", "if", "for", "in", "await",
)  # fmt: skip
_MARKS = (
    ":", ":", ":", ".", "->", "[]", "[0]", "[-1]", "(", ")", " ", "+", "-", "*", "**", "/", "//",
    "%", "<<", ">>", "&", "&&", "|", "||", "^", "~", "!", "!=", "==", "<", "<=", ",", ";", "=",
    "'", '"', "\n", "#", "@", ":=", "[struct.root]\n", "[global]\n", "[summary]\n", "[container]\n",
    '[struct."root@3"]\n', "[opaque]\n", "items = ", "{ tag = ", "{ tags = [", "] }", " }", "[",
    "]",
)  # fmt: skip
_VALUE = "\n= "
_KERNEL = World().kernel()
_MOST_TEXT = 4 << 20


class AnnotationsHarness(Harness):
    """An input is text, taken for everything that can be annotated or typed.

    Where its last line is `= NUMBER CHECKSUM`, the text before it is an expression of that value.
    The checksum tells them from what was changed since.
    """

    name: ClassVar[str] = "annotations"

    def prepare(self) -> None:
        """Make the small kernel, and a place for overlay files."""
        self._file = room() / "overlay.toml"
        self._lines = [
            text
            for struct in library().structs()[::20]  # each is a table to be parsed
            for member in list(library().members(struct))[:1]
            for alternative in library().texts(struct, member)
            for text in alternative
        ]

    def generate(self, rng: Random, corpus: Sequence[bytes]) -> bytes:
        """Return an expression with its value, a line of the library changed, or any words."""
        kind = rng.randrange(4)
        if kind == 0:
            text, value = _expression(rng, rng.randrange(6))
            said = f"{text}{_VALUE}{value}".encode()
            return said + f" {crc32(said)}".encode()
        if kind == 1:
            return mutate(rng, rng.choice(corpus), others=corpus)
        if kind == 2:
            return mutate(rng, rng.choice(self._lines).encode())
        words = [
            rng.choice(rng.choice((_WORDS, _MARKS, _MARKS, HOSTILE[:-2])))
            for _ in range(rng.choice((1, 2, 3, 5, 9, 20)))
        ]
        if rng.random() < 0.05:  # deep, or long
            words *= rng.choice((100, 3000))
        return "".join(words).encode()

    def run(self, data: bytes) -> str:
        """Take it for a tag, an expression, a path and an overlay; show an object that has it."""
        text = data.decode("utf-8", "replace").replace("\0", "")
        text, _, value = text.rpartition(_VALUE) if _VALUE in text else (text, "", "")
        found = parse(text)
        str(found)
        refused = isinstance(found, NotUnderstood)
        expression = text
        if isinstance(found, Length | Condition | Skip):
            expression = found.expression
        number = _try(lambda: evaluate([_Scope()], expression))
        expect(number is None or isinstance(number, int), "no integer", number)
        value, _, checksum = value.partition(" ")
        if checksum == str(crc32(f"{text}{_VALUE}{value}".encode())):
            expect(number == int(value), "another value", f"{text} is {number}, not {value}")
            expect(_typed(text) == number, "another value as a root", f"{text}: {_typed(text)}")
        _typed(text)
        length = _try(lambda: evaluate_length([_Scope()], expression))
        expect(length is None or 0 <= length <= 1 << 28, "no length", length)
        _try(lambda: MemberPath.parse(text))
        refused &= not self._load(data)
        if not isinstance(found, NotUnderstood):
            _show(text, isinstance(found, Contains))
        return "refused" if refused else "understood"

    def _load(self, data: bytes) -> bool:
        self._file.write_bytes(data)
        return _try(lambda: Overlay.load(self._file)) is not None


class _Scope:
    """A struct whose members are numbers, and structs like itself."""

    def __init__(self, value: object = None) -> None:
        self._value = value

    def member_(self, name: str) -> _Scope:
        return _Scope(_MEMBERS.get(name, "no number"))

    def value_(self) -> Any:
        return self._value


def _typed(text: str) -> object:
    """Return the value of an expression as users type it, in a kernel of nothing but numbers."""

    def names(name: Name, cpu: object) -> Iterator[Found]:
        del cpu
        if name.text in _MEMBERS:
            yield Found(_MEMBERS[name.text], name.text)

    def evaluate_all() -> object:
        found = list(Evaluation(_KERNEL, parse_typed(text), names).results())
        return found[0].value if len(found) == 1 else None

    return _try(evaluate_all)


def _try(ask: Callable[[], Any]) -> Any:
    """Return an answer, or None for one of our own errors, which are to be one line."""
    try:
        return ask()
    except BtfdumpError as error:
        expect(len(str(error)) < 1 << 20, "an error without end")
        return None


def _show(text: str, is_container: bool) -> None:
    """Print an object whose members have the tag."""
    world = World()
    members = [("items", "struct list_head"), ("data", "void *"), ("bytes", "u8 *")]
    numbers = [(name, "u64") for name in _MEMBERS]
    world.struct("item", [("link", "struct list_head"), ("id", "u32")])
    on = ["items"] if is_container else ["items", "data", "bytes", "count"]
    world.struct("root", [*members, *numbers], dict.fromkeys(on, text))
    root = world.new("root", 64, **_MEMBERS)
    item = world.new("item", id=7)
    world.link_list(root + world.offset("root.items"), [item])
    world.set(root, "root.data", item)
    world.set(root, "root.bytes", item)
    kernel = world.kernel()
    for format_ in ("text", "json"):
        size, pieces = 0, []
        for piece in kernel.dump(
            kernel.value("struct root", root), format_, Limits(elements=8, objects=40)
        ):
            size += len(piece)
            pieces.append(piece)
            expect(size < _MOST_TEXT, "output without end")
        shown = "".join(pieces)
        expect_printable(shown, format_)
        if format_ == "json":
            json.loads(shown)


def _expression(rng: Random, depth: int) -> tuple[str, int]:
    """Return an expression and its value; parentheses leave no doubt about precedence."""
    if not depth or rng.random() < 0.1:
        name = rng.choice(list(_MEMBERS))
        number = rng.choice((0, 1, 2, 3, 7, 64, 1 << 31, (1 << 64) - 1))
        written = rng.choice((str(number), hex(number)))
        return (name, _MEMBERS[name]) if rng.random() < 0.5 else (written, number)
    left, a = _expression(rng, depth - 1)
    if rng.random() < 0.2:
        mark = rng.choice("-~!+")
        return f"{mark}({left})", {"-": -a, "~": ~a, "!": int(not a), "+": a}[mark]
    right, b = _expression(rng, depth - 1)
    mark, operate = rng.choice(_BINARY)
    if (mark in "/%" and not b) or (mark in ("<<", ">>") and not 0 <= b < 64):
        mark, operate = _BINARY[0]
    if max(abs(a), abs(b)).bit_length() > 60 and mark in ("*", "<<"):  # results stay small
        mark, operate = _BINARY[0]
    return f"({left}) {mark} ({right})", int(operate(a, b))


_BINARY: tuple[tuple[str, Callable[[int, int], int]], ...] = (
    ("+", lambda a, b: a + b),
    ("-", lambda a, b: a - b),
    ("*", lambda a, b: a * b),
    ("/", lambda a, b: abs(a) // abs(b) * (1 if a * b > 0 else -1)),  # towards zero
    ("%", lambda a, b: abs(a) % abs(b) * (1 if a > 0 else -1)),
    ("<<", lambda a, b: a << b),
    (">>", lambda a, b: a >> b),
    ("&", lambda a, b: a & b),
    ("|", lambda a, b: a | b),
    ("^", lambda a, b: a ^ b),
    ("==", lambda a, b: a == b),
    ("!=", lambda a, b: a != b),
    ("<", lambda a, b: a < b),
    (">=", lambda a, b: a >= b),
    ("&&", lambda a, b: bool(a) and bool(b)),
    ("||", lambda a, b: bool(a) or bool(b)),
)
