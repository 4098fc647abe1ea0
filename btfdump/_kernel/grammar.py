"""The expressions that users type, read: C's, with keys and conditions in brackets.

::

    expression  = operand { operator operand }              with the precedence of C
    operand     = { "*" | "&" | "-" | "+" | "!" | "~" | "(" TYPE ")" } primary { step }
    primary     = NUMBER | ADDRESS | "TEXT" | NAME | ROOT "(" WORDS ")" | "(" expression ")"
                | "container_of" "(" expression "," TYPE "," MEMBER { "." MEMBER } ")"
    step        = ( "." | "->" ) MEMBER | "[" expression "]"
    operator    = "*" "/" "%"  "+" "-"  "<<" ">>"  "<" "<=" ">" ">="  "==" "!=" "~" "!~"
                  "&"  "^"  "|"  "&&"  "||"

What stands in brackets is a condition on entries if its outermost operator compares or is one of
`&&`, `||` and `!`; else it is an index or a key. As in annotations (annotate/postfix.py), nothing
is nested while an expression is read, and the steps of it are those of a stack machine.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from btfdump._annotate.postfix import UNARY, UNARY_PRECEDENCE, Reading
from btfdump._kernel.expression import MAX_EXPRESSION, excerpt
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from btfdump._annotate.postfix import PathStep

MAX_NESTED = 16
"""The most brackets within brackets."""
_MOST_BITS = 64

_KEYWORDS = r"struct|union|enum|const|volatile|signed|unsigned|short|long|int|char|float|double"
_TYPEDEFS = r"_Bool|bool|void|uintptr_t|uint|ulong|ushort|(?:__)?[us](?:8|16|32|64)|[A-Za-z_]\w*_t"
# What can be nothing but a type: by a keyword, by stars, or by the names that typedefs have.
_CAST = re.compile(
    rf"\(\s*(?P<type>(?:[\w-]+\s*:\s*)?(?:(?:{_KEYWORDS})\b[\w\s]*(?:@\d+)?[\s*]*"
    rf"|(?:{_TYPEDEFS})\b[\s*]*|[A-Za-z_]\w*\s*\*[\s*]*))\)",
    re.ASCII,
)
# A name of any other type, before what can only be an operand.
_CAST_BY_PLACE = re.compile(r"\(\s*(?P<type>[A-Za-z_]\w*)\s*\)\s*(?=[\w(\"'])", re.ASCII)
_CONTAINER_OF = re.compile(r"container_of\s*\(", re.ASCII)
_REST_OF_CONTAINER = re.compile(
    r",\s*(?P<type>[^,()]+?)\s*,\s*(?P<member>[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*)\s*\)", re.ASCII
)
_CALL = re.compile(r"(?P<root>[A-Za-z_][\w-]*)\s*\((?P<words>[^()]*)\)", re.ASCII)
_TOKEN = re.compile(
    r"\s*(?:(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<address>(?=[0-9a-fA-F]*[a-fA-F]|0)[0-9a-fA-F]{16})(?![\w:])"
    r"|(?P<number>0[xX][0-9a-fA-F]+|\d+)(?![\w:])"
    r"|(?P<name>(?:\w[\w-]*:)?[A-Za-z_][\w$]*(?:@\d{1,9})?)"
    r"|(?P<operator><<|>>|&&|\|\||->|!~|[=!<>]=|[-+*/%&|^~!<>()\[\].,]))",
    re.ASCII,
)
_MEMBER = re.compile(r"\s*(?P<member>[A-Za-z_]\w*)", re.ASCII)

_MATCHES = ("~", "!~")
_OPERAND = 'a number, a name, "a text", or one of ( * & - ! ~'
_FURTHER = "an operator, .MEMBER, ->MEMBER or [KEY]"


class Name(NamedTuple):
    """A name, or a root with its words, as `task(1)`; it stands at `start` to `end`."""

    text: str
    words: str | None
    start: int
    end: int


class Subscript(NamedTuple):
    """What stands in brackets, which are at `start` to `end`: a key, or a condition on entries."""

    steps: tuple[PathStep, ...]
    is_condition: bool
    start: int
    end: int


class Expression(NamedTuple):
    """An expression and the steps that evaluate it.

    Besides those of annotations, these are "text", "name" (a `Name`), "." (a member's name),
    "index" (a `Subscript`), "unary *", "unary &", "cast" (a type's name), "container_of" (a type's
    name and a path), "~" and "!~".
    """

    text: str
    steps: tuple[PathStep, ...]


class _Frame(NamedTuple):
    """What was being read when brackets began at `start`."""

    made: list[PathStep]
    pending: list[tuple[str, int, int]]
    ways: list[str]
    start: int


class _Typed(Reading):
    """The reading of an expression that a user typed."""

    token = _TOKEN
    precedence: Mapping[str, int] = {
        **Reading.precedence,
        **dict.fromkeys(_MATCHES, Reading.precedence["=="]),
    }
    comparisons = Reading.comparisons | set(_MATCHES)

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.at = 0
        self.frames: list[_Frame] = []
        self._opened: list[int] = []  # where the parentheses are that are open

    def steps(self) -> tuple[PathStep, ...]:
        is_operand_next, end = True, len(self.text.rstrip())
        while self.at < end:
            is_operand_next = self._operand_at() if is_operand_next else self._behind()
        if is_operand_next:
            raise self._expected(_OPERAND)
        self.settle(0)
        if self.pending:
            raise self._expected(f"a ) for the ( at character {self._opened[-1] + 1}")
        if self.frames:
            raise self._expected(f"a ] for the [ at character {self.frames[-1].start + 1}")
        return tuple(self.made)

    def _next(self, expected: str) -> re.Match[str]:
        match = self.token.match(self.text, self.at)
        if match is None:
            raise self._expected(expected)
        return match

    def _operand_at(self) -> bool:
        """Take what an operand begins with; return whether it goes on."""
        match = self._next(_OPERAND)
        kind = match.lastgroup
        assert kind is not None
        start, token = match.start(kind), match[kind]
        if kind == "text":
            self._take(("text", token[1:-1]), match.end())
        elif kind in ("number", "address"):
            self._take(("number", self._number(token, kind, start)), match.end())
        elif kind == "name":
            return self._named(start, match)
        elif token == "(":
            cast = _CAST.match(self.text, start) or _CAST_BY_PLACE.match(self.text, start)
            if cast is not None:
                self.pending.append((f"cast {' '.join(cast['type'].split())}", UNARY_PRECEDENCE, 0))
                self.at = cast.end()
                return True
            self._open(token, start, match.end())
            return True
        elif token in ("*", "&") or f"unary {token}" in UNARY:
            self.pending.append((f"unary {token}", UNARY_PRECEDENCE, 0))
            self.at = match.end()
            return True
        else:
            raise self._expected(_OPERAND, start)
        return False

    def _named(self, start: int, match: re.Match[str]) -> bool:
        """Take a name, a root with words, or the beginning of container_of()."""
        container = _CONTAINER_OF.match(self.text, start)
        if container is not None:
            self._open("container_of", start, container.end())
            return True
        call = _CALL.match(self.text, start)
        if call is not None:
            name = Name(call["root"], call["words"].strip(), start, call.end())
        else:
            name = Name(match["name"], None, start, match.end())
            if self.text[match.end() :].lstrip().startswith("("):
                self.at = match.end()
                raise self._expected(f"no parentheses within those of {name.text}(...)")
        self._take(("name", name), name.end)
        return False

    def _open(self, token: str, start: int, end: int) -> None:
        self.pending.append((token, 0, 0))
        self._opened.append(start)
        self.at = end

    def _take(self, step: PathStep, end: int) -> None:
        self.push(step)
        self.at = end

    def _behind(self) -> bool:
        """Take what stands behind an operand; return whether another one follows."""
        match = self._next(self._ends_or(_FURTHER))
        token, start = match["operator"], match.start("operator")
        if token in (".", "->"):
            member = _MEMBER.match(self.text, match.end())
            if member is None:
                raise self._expected("the name of a member", match.end())
            self._apply_to_last((".", member["member"]), member.end())
            return False
        if token == "[":
            if len(self.frames) == MAX_NESTED:
                raise self._expected(f"at most {MAX_NESTED} brackets within brackets", start)
            self.frames.append(_Frame(self.made, self.pending, self.ways, start))
            self.made, self.pending, self.ways = [], [], []
            self.at = match.end()
            return True
        if token == "]":
            self._close_brackets(start, match.end())
            return False
        if token in (")", ","):
            self._close(token, start, match.end())
            return False
        if token is None or token not in self.precedence:
            raise self._expected(self._ends_or(_FURTHER), match.start(match.lastgroup or 0))
        self.at = match.end()
        return self.go_on(token)

    def _apply_to_last(self, step: PathStep, end: int) -> None:
        self.made.append(step)
        self.ways[-1] = ""
        self.at = end

    def _close_brackets(self, start: int, end: int) -> None:
        self.settle(0)
        if not self.frames or self.pending:
            raise self._expected(self._ends_or(_FURTHER), start)
        way, steps = self.ways[-1], tuple(self.made)
        frame = self.frames.pop()
        self.made, self.pending, self.ways = frame[:3]
        is_condition = way in self.comparisons or way in ("&&", "||", "unary !")
        self._apply_to_last(("index", Subscript(steps, is_condition, frame.start, end)), end)

    def _close(self, token: str, start: int, end: int) -> None:
        """Take a closing parenthesis, or the comma and all else of container_of()."""
        self.settle(0)
        opened = self.pending[-1][0] if self.pending else ""
        if opened != ("(" if token == ")" else "container_of"):
            expected = ", TYPE, MEMBER)" if opened == "container_of" else self._ends_or(_FURTHER)
            raise self._expected(expected, start)
        self.pending.pop()
        self._opened.pop()
        if token == ")":
            self.ways[-1] = ""
            self.at = end
            return
        rest = _REST_OF_CONTAINER.match(self.text, start)
        if rest is None:
            raise self._expected("TYPE, MEMBER) behind the comma", end)
        path = "".join(rest["member"].split())
        step = "container_of", (" ".join(rest["type"].split()), path)
        self._apply_to_last(step, rest.end())

    def apply(self, one: tuple[str, int, int]) -> None:
        if one[0].startswith("cast "):
            self.made.append(("cast", one[0].removeprefix("cast ")))
            self.ways[-1] = "cast"
            return
        super().apply(one)

    def _number(self, token: str, kind: str, start: int) -> int:
        is_octal = kind == "number" and token[0] == "0" and token[1:].isdigit()
        base = 16 if kind == "address" or token[:2] in ("0x", "0X") else 8 if is_octal else 10
        try:
            value = int(token, base)
        except ValueError:  # 08; or more digits than Python takes
            value = 1 << _MOST_BITS
        if value >> _MOST_BITS:
            raise self._expected("a number of at most 64 bits, octal behind a 0", start)
        return value

    def _ends_or(self, expected: str) -> str:
        """Return what may stand behind an operand, which may end what is open."""
        opened = next((token for token, level, _ in reversed(self.pending) if not level), "")
        ends = {"(": ", or )", "container_of": ", or , TYPE, MEMBER)"}
        return f"{expected}{ends.get(opened) or (', or ]' if self.frames else '')}"

    def _expected(self, what: str, at: int | None = None) -> ExpressionError:
        at = self.at if at is None else at
        at += len(self.text[at:]) - len(self.text[at:].lstrip())
        here = repr(excerpt(self.text[at:])) if self.text[at:] else "the end"
        return ExpressionError(f"at character {at + 1}, {here}: expected {what}")


@lru_cache(maxsize=64)
def parse(text: str) -> Expression:
    """Read an expression; raises `ExpressionError` that says where it is wrong."""
    if len(text) > MAX_EXPRESSION:
        raise ExpressionError(
            f"{excerpt(text)!r} is not an expression: it has {len(text)} characters, more than "
            f"{MAX_EXPRESSION}"
        )
    try:
        return Expression(text, _Typed(text).steps())
    except ExpressionError as error:
        raise ExpressionError(f"{excerpt(text)}: {error}") from None
