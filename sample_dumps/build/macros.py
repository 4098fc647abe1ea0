"""What the kernel's macros are worth, by its headers: `tests/data/macros.json`.

BTF has no macros. The tables in `btfdump/_meaning/names/` name their values, and the tests compare
them with what this finds in the headers of several releases. `macros.toml` says which names belong
to which table, and where they are defined. Nothing is configured or compiled: of a macro that is
defined several times, under conditions, all values are found; a value that rests on what is not
in those headers is not guessed.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

DATA = Path(__file__).parents[2] / "tests" / "data" / "macros.json"
FAMILIES = Path(__file__).with_suffix(".toml")
ARCHITECTURES = ("x86", "arm64", "s390", "powerpc", "riscv")
"""Whose headers are read where those of the generic architecture are not all there is."""

Worth: TypeAlias = "int | list[int] | str | None"
"""A value; several, by configuration; UNKNOWN; None where there is no such name."""
UNKNOWN = "?"
_OPTION = "IS_ENABLED"
_PARTS = ("VERSION", "PATCHLEVEL", "SUBLEVEL")
_MOST_VALUES = 16
_DEEPEST = 64

# What <linux/bits.h>, <linux/const.h> and <linux/compiler_types.h> say, on 64 bits.
_COMMON = """
#define BIT(nr) (1 << (nr))
#define BIT_ULL(nr) (1 << (nr))
#define _BITUL(x) (1 << (x))
#define _BITULL(x) (1 << (x))
#define GENMASK(h, l) (((2 << ((h) - (l))) - 1) << (l))
#define GENMASK_ULL(h, l) (((2 << ((h) - (l))) - 1) << (l))
#define UL(x) (x)
#define ULL(x) (x)
#define _UL(x) (x)
#define _ULL(x) (x)
"""
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
_DEFINE = re.compile(r"[ \t]*#[ \t]*define[ \t]+(\w+)(\(([^)]*)\))?[ \t]*(.*)")
_ENUM = re.compile(r"\benum\b[^;{}()]*\{([^{}]*)\}")
_CONDITION = re.compile(r"[ \t]*#[ \t]*(if|ifdef|ifndef|else|elif|endif)\b")
_TOKEN = re.compile(r"0[xX][0-9a-fA-F]+[uUlL]*|\d+[uUlL]*|[A-Za-z_]\w*|<<|>>|##|\S")
_CAST = re.compile(r"\(\s*(?:(?:un)?signed |__bitwise )?(?:int|long|char|short|[us]\d+|\w+_t)\s*\)")


class Macro(NamedTuple):
    """One definition: an expression, of `parameters` if it has any."""

    parameters: tuple[str, ...] | None
    body: str


class Source(NamedTuple):
    """The trees of one release; what one of them lacks, another may have."""

    release: str
    trees: tuple[Path, ...]

    def text(self, name: str) -> str | None:
        """Return the text of a file, None if no tree has it."""
        found = next((path for tree in self.trees if (path := tree / name).is_file()), None)
        return found.read_text("utf-8", errors="replace") if found is not None else None


class Definitions:
    """What headers define, macros and enumerators, and what it is worth."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._macros: dict[str, list[Macro]] = {}
        self._open: set[str] = set()
        """Names whose value is being found: none of them rests on itself."""
        for text in (_COMMON, *texts):
            of_text: dict[str, list[Macro]] = {}
            plain = _COMMENT.sub(" ", text.replace("\\\n", " "))
            for line in plain.splitlines():
                if match := _DEFINE.match(line):
                    name, has_parameters, parameters, body = match.groups()
                    names = (
                        tuple(p.strip() for p in parameters.split(",")) if has_parameters else None
                    )
                    if body.strip() != name:  # the enumerator of that name is meant
                        of_text.setdefault(name, []).append(Macro(names, body.strip()))
            self._add(of_text)
            enumerators: dict[str, list[Macro]] = {}
            for match in _ENUM.finditer(plain):
                for name, body in self._enumerators(match[1]):
                    enumerators.setdefault(name, []).append(Macro(None, body))
            self._add(enumerators)

    def _add(self, definitions: dict[str, list[Macro]]) -> None:
        """Add what no header before has: later ones define it `#ifndef`."""
        for name, macros in definitions.items():
            self._macros.setdefault(name, macros)

    def names(self) -> list[str]:
        """Return the names that stand for an expression."""
        return [name for name, found in self._macros.items() if found[0].parameters is None]

    def _enumerators(self, body: str) -> Iterator[tuple[str, str]]:
        """Yield each enumerator of an enum with its value as an expression.

        One that follows another that is there under a condition has none that is certain: "?".
        """
        base, above = "0", -1
        for piece in re.split(r",(?![^(]*\))", _lines_marked(body)):
            if "#" in piece:
                base = "?"
            text = " ".join(line for line in piece.splitlines() if not line.startswith("#"))
            name, _, value = " ".join(self._expanded(text)).partition("=")
            if not (name := name.strip()).isidentifier():
                continue
            base, above = (value.strip(), 0) if value else (base, above + 1)
            yield name, "?" if base == "?" else f"(({base}) + {above})"

    def worth(self, name: str) -> Worth:
        """Return what a name is worth."""
        try:
            values = sorted(self._values(name))
        except ValueError:
            return UNKNOWN
        return values[0] if len(values) == 1 else values

    @cache  # noqa: B019 - as long as the headers are looked at
    def _values(self, name: str) -> frozenset[int]:
        if name == _OPTION:
            return frozenset((0, 1))
        if name not in self._macros or name in self._open:
            raise ValueError(name)
        self._open.add(name)
        try:
            values = {v for macro in self._macros[name] for v in self._evaluate(macro.body)}
        finally:
            self._open.discard(name)
        if not 0 < len(values) <= _MOST_VALUES:
            raise ValueError(name)
        return frozenset(values)

    def _evaluate(self, text: str) -> set[int]:
        """Return all values of an expression: a name in it may have several."""
        tokens = self._expanded(text)
        if not tokens:
            raise ValueError(text)
        names = sorted({token for token in tokens if token.isidentifier()})
        choices = [self._values(name) for name in names]
        found = set()
        for values in itertools.islice(itertools.product(*choices), _MOST_VALUES + 1):
            worth = dict(zip(names, values, strict=True))
            found.add(_arithmetic([str(worth.get(token, token)) for token in tokens]))
        return found

    def _expanded(self, text: str, depth: int = 0) -> list[str]:
        """Return the tokens of a text without casts, and without macros that have parameters."""
        if depth > _DEEPEST:
            raise ValueError(text)
        tokens = _TOKEN.findall(_CAST.sub(" ", re.sub(r"\b__force\b", "", text)))
        result: list[str] = []
        at = 0
        while at < len(tokens):
            token = tokens[at]
            macro = next(iter(self._macros.get(token, ())), None)
            at += 1
            if token == _OPTION and tokens[at : at + 1] == ["("]:
                _, at = _arguments(tokens, at)
            if macro is None or macro.parameters is None or tokens[at : at + 1] != ["("]:
                result.append(token)
                continue
            arguments, at = _arguments(tokens, at)
            body = _substituted(macro, arguments)
            result += self._expanded(body, depth + 1)
        return result


def _lines_marked(body: str) -> str:
    """Return the body of an enum in which only conditions begin with "#"."""
    lines = body.splitlines()
    kept = [line for line in lines if not line.lstrip().startswith("#") or _CONDITION.match(line)]
    return "\n".join("#" if _CONDITION.match(line) else line for line in kept)


def _arguments(tokens: Sequence[str], at: int) -> tuple[list[str], int]:
    """Return the arguments of a call, whose parenthesis is at `at`, and where it ends."""
    arguments: list[list[str]] = [[]]
    depth = 0
    for end in range(at, len(tokens)):
        token = tokens[end]
        depth += {"(": 1, ")": -1}.get(token, 0)
        if depth == 0:
            return [" ".join(argument) for argument in arguments], end + 1
        if token == "," and depth == 1:
            arguments.append([])
        elif end > at:
            arguments[-1].append(token)
    raise ValueError("a parenthesis is open")


def _substituted(macro: Macro, arguments: Sequence[str]) -> str:
    """Return a macro's body with arguments for its parameters, and `##` carried out."""
    assert macro.parameters is not None
    if len(arguments) != len(macro.parameters):
        raise ValueError(macro.body)
    given = dict(zip(macro.parameters, arguments, strict=True))
    text = " ".join(given.get(token, token) for token in _TOKEN.findall(macro.body))
    return re.sub(r"\s*##\s*", "", text)


def _arithmetic(tokens: Iterable[str]) -> int:
    """Return the value of an expression of numbers, as C has it for 64 bits."""
    written = []
    for token in tokens:
        if token[0].isdigit():
            digits = token.rstrip("uUlL")
            is_octal = digits[0] == "0" and digits.isdigit() and len(digits) > 1
            written.append(str(int(digits, 8 if is_octal else 0)))
        elif token in {"<<", ">>", "(", ")", "|", "&", "^", "~", "+", "-", "*"}:
            written.append(token)
        else:
            raise ValueError(token)
    try:
        value = eval(" ".join(written), {"__builtins__": {}})  # nothing but numbers and operators
    except (SyntaxError, TypeError) as error:
        raise ValueError(" ".join(written)) from error
    if not isinstance(value, int):
        raise ValueError(" ".join(written))
    return value


def sources(folders: Iterable[Path]) -> list[Source]:
    """Return the releases of source trees, the oldest first."""
    trees: dict[tuple[int, ...], list[Path]] = {}
    for folder in folders:
        head = (folder / "Makefile").read_text("utf-8")[:400]
        found = [re.search(rf"^{part} = (\d+)", head, re.M) for part in _PARTS]
        numbers = tuple(int(match[1]) for match in found if match is not None)
        trees.setdefault(numbers, []).append(folder)
    return [Source(".".join(map(str, release)), tuple(trees[release])) for release in sorted(trees)]


def families() -> dict[str, dict[str, Any]]:
    """Return what `macros.toml` says of each table."""
    return tomllib.loads(FAMILIES.read_text("utf-8"))


def read(source: Source, family: dict[str, Any]) -> dict[str, dict[str, Worth]]:
    """Return the names of a family in one release with their values, by architecture.

    "" is what all have that has no values of its own.
    """
    headers: list[str] = family["headers"]
    instead = re.compile(family.get("unless", "(?!)"))
    found: dict[str, dict[str, Worth]] = {}
    for architecture in ARCHITECTURES if any("{arch}" in h for h in headers) else ("",):
        texts = [source.text(header.format(arch=architecture)) for header in headers]
        if any(instead.search(text or "") for text in texts):
            return {}
        definitions = Definitions(text for text in texts if text is not None)
        pattern = re.compile(family["names"])
        but = re.compile(family.get("but", "(?!)"))
        found[architecture] = {
            name: definitions.worth(name)
            for name in definitions.names()
            if pattern.fullmatch(name) and not but.fullmatch(name)
        }
    if "" not in found:
        found[""] = found.pop(ARCHITECTURES[0])
    return found


def build(folders: Iterable[Path]) -> str:
    """Return the text of `macros.json`: for each name its value, or one for each release."""
    releases = sources(folders)
    rows: dict[str, dict[str, list[Worth]]] = {}
    for name, family in families().items():
        for at, source in enumerate(releases):
            of_source = read(source, family)
            for architecture, values in of_source.items():
                table = rows.setdefault(f"{name}.{architecture}" if architecture else name, {})
                for macro, worth in values.items():
                    if architecture and worth == of_source[""].get(macro):
                        continue
                    table.setdefault(macro, [None] * len(releases))[at] = worth
    return _written([source.release for source in releases], rows)


def _written(releases: Sequence[str], rows: dict[str, dict[str, list[Worth]]]) -> str:
    """Return JSON with a line for each name."""
    lines = [f'{{"releases": {json.dumps(releases)}']
    for family in sorted(filter(rows.get, rows)):
        names = rows[family]
        entries = (
            f"  {json.dumps(name)}: {json.dumps(_brief(worths))}" for name, worths in names.items()
        )
        lines.append(f'"{family}": {{\n' + ",\n".join(entries) + "\n}")
    return ",\n".join(lines) + "}\n"


def _brief(worths: Sequence[Worth]) -> object:
    """Return one value for all releases if it is the same in each."""
    is_same = isinstance(worths[0], int) and all(worth == worths[0] for worth in worths)
    return worths[0] if is_same else list(worths)


def run(folders: Iterable[Path], output: Path) -> int:
    """Write the values of all macros of all families in these trees."""
    output.write_text(build(folders), "utf-8", newline="\n")
    return 0
