"""Templates of summaries: how an object is told in one line, as overlays write it.

::

    "{sk_protocol#IPPROTO_} {(inet_sock:sk).inet_saddr:ipv4}:{__sk_common.skc_num}"

A slot, in braces, is a member path; `(inet_sock:sk)` in it stands for the `struct inet_sock` whose
member `sk` the object is, `(task_struct)` for what a `void *` leads to. After a colon stands how it
is told, after `#` the prefix that a name loses. `[ text {slot}]` is left out if a slot in it says
nothing, `[?condition?text|otherwise]` depends on an expression over the object's members. What is
doubled stands for itself: `[[`, `{{`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from btfdump._annotate.grammar import Means, NotUnderstood, as_meaning, parse, struct_named
from btfdump.errors import AnnotationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump._btf import types

MAX_TEMPLATE = 1 << 10
"""The most characters of a template: those of the library have a fifth of that."""
MAX_PARTS = 64
"""The most slots and optional parts of one."""

PATH, SUM, HEX, LEFT, HEAD = HOWS = ("path", "sum", "hex", "left", "head")
"""What a slot may say that is no meaning of a value.

Its path; a sum of bytes; the number in hexadecimal; how long it is until that moment, in
nanoseconds of the monotonic clock; the address of the head page that a tail page tells.
"""

_STEP = re.compile(
    r"(?P<name>[A-Za-z_]\w*)|\[(?P<index>\d{0,6})\]|\((?P<struct>[^()]+)\)", re.ASCII
)
# What few templates have is compiled where one has it.
_MASK = r"\s*&\s*(0x[0-9a-fA-F]{1,16}|[1-9][0-9]{0,19})(?=\s*:)"
_PREFIX = r"\w+"
_MEMBER = r"[A-Za-z_]\w*(\[\])?(\.[A-Za-z_]\w*(\[\])?)*"


class Cast(NamedTuple):
    """The `struct` that a pointer leads to or, with `member`, the one around what it leads to."""

    struct: str
    member: str = ""


class Around(NamedTuple):
    """What a `Cast` is in one kernel: a struct that begins `offset` bytes before."""

    struct: types.Composite
    offset: int


class Index(NamedTuple):
    """One element of an array, or with None each of them."""

    number: int | None


Step: TypeAlias = "str | Cast | Around | Index"


class Slot(NamedTuple):
    """A value in the text, which `steps` lead to from the object; none lead to the object itself.

    `how` is one of HOWS or "", `means` what annotations would say that it means, and `length`
    the expression for the bytes of it that count. A name is told without `prefix`. Only the bits of
    `mask` are told, if it is not 0.
    """

    text: str
    steps: tuple[Step, ...]
    how: str = ""
    means: Means | None = None
    length: str = ""
    prefix: str = ""
    mask: int = 0

    @property
    def member(self) -> str:
        """The dotted path if it consists of members alone, else ""."""
        is_plain = self.how == "" and bool(self.steps)
        names = [step for step in self.steps if isinstance(step, str)]
        return ".".join(names) if is_plain and len(names) == len(self.steps) else ""


class Optional(NamedTuple):
    """Parts that are left out together if one of their slots says nothing.

    They depend on `condition` as well, unless it is ""; where it does not hold, `otherwise` stands.
    """

    parts: tuple[Part, ...]
    condition: str = ""
    otherwise: tuple[Part, ...] = ()


Part: TypeAlias = "str | Slot | Optional"


class Template(NamedTuple):
    """One way to tell an object.

    It applies where `condition` holds and each slot of `texts` says one of its texts.
    """

    parts: tuple[Part, ...]
    condition: str = ""
    texts: tuple[tuple[Slot, tuple[str, ...]], ...] = ()

    def slots(self) -> Iterator[Slot]:
        """Yield every slot."""
        yield from (slot for slot, _ in self.texts)
        yield from slots_in(self.parts)


def slots_in(parts: Iterable[Part]) -> Iterator[Slot]:
    """Yield the slots of a template's parts, in their order; a template is not deep."""
    for part in parts:
        if isinstance(part, Slot):
            yield part
        elif isinstance(part, Optional):
            yield from slots_in((*part.parts, *part.otherwise))


def templates(value: object) -> tuple[Template, ...]:
    """Return what an overlay has for a summary that is no list of members.

    That is a text, or a table of `text`, `cond`, `is` and `see`, or a list of such tables, of which
    the first counts that applies. Raises `AnnotationError`.
    """
    choices = value if isinstance(value, list) else [value]
    return tuple(map(_template, choices))


def _template(value: object) -> Template:
    if isinstance(value, str):
        return Template(parts_of(value))
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        raise AnnotationError(
            f"expected a list of member paths, a template, or {{ text = ... }}, not {value!r}"
        )
    unknown = sorted(value.keys() - {"text", "cond", "is", "see"})
    if unknown:
        raise AnnotationError(f"expected text, cond, is and see, not {', '.join(unknown)}")
    condition, stated = value.get("cond", ""), value.get("is", {})
    if not isinstance(condition, str):
        raise AnnotationError(f"cond: expected an expression, not {condition!r}")
    if not isinstance(stated, dict):
        raise AnnotationError(f"is: expected a table of texts by slot, not {stated!r}")
    said = tuple((slot_of(slot), _texts(text)) for slot, text in stated.items())
    return Template(parts_of(value["text"]), condition, said)


def _texts(value: object) -> tuple[str, ...]:
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise AnnotationError(f"is: expected a text or a list of texts, not {value!r}")
    return tuple(texts)


def parts_of(text: str) -> tuple[Part, ...]:
    """Parse the text of a template; raises `AnnotationError`."""
    if len(text) > MAX_TEMPLATE:
        raise AnnotationError(f"it has {len(text)} characters, more than {MAX_TEMPLATE}")
    if not text.strip():
        raise AnnotationError("the template is empty")
    return _Parser(text).parts()


class _Parser:
    """Reads a template from left to right; optional parts contain no others."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.count = 0

    def parts(self) -> tuple[Part, ...]:
        found, end = self.until("")
        assert not end
        return found

    def until(self, ends: str) -> tuple[tuple[Part, ...], str]:
        """Return the parts up to one of the characters `ends`, and that character."""
        found: list[Part] = []
        text, literal = self.text, ""
        specials = "[]{}" + ends
        while self.at < len(text):
            char = text[self.at]
            if char not in specials:
                places = [place for one in specials if (place := text.find(one, self.at)) >= 0]
                end = min(places, default=len(text))
                literal += text[self.at : end]
                self.at = end
                continue
            if text[self.at : self.at + 2] == char * 2:
                literal += char
                self.at += 2
                continue
            self.at += 1
            if literal:
                found.append(literal)
                literal = ""
            if char in ends:
                return tuple(found), char
            if char == "{":
                found.append(self.slot())
            elif char == "[" and not ends:
                found.append(self.optional())
            else:
                raise self.wrong(f"{char} is not expected here; {char * 2} is one that is shown")
            self.count += 1
            if self.count > MAX_PARTS:
                raise AnnotationError(f"it has more than {MAX_PARTS} slots and optional parts")
        if ends:
            raise self.wrong("a [ is not closed")
        if literal:
            found.append(literal)
        return tuple(found), ""

    def slot(self) -> Slot:
        end = self.text.find("}", self.at)
        if end < 0:
            raise self.wrong("a { is not closed")
        found = slot_of(self.text[self.at : end])
        self.at = end + 1
        return found

    def optional(self) -> Optional:
        condition = ""
        if self.text.startswith("?", self.at):
            end = self.text.find("?", self.at + 1)
            condition = self.text[self.at + 1 : end].strip()
            if end < 0 or not condition:
                raise self.wrong("expected [?condition?text]")
            self.at = end + 1
        parts, end_ = self.until("|]" if condition else "]")
        otherwise: tuple[Part, ...] = ()
        if end_ == "|":
            otherwise, _ = self.until("]")
        return Optional(parts, condition, otherwise)

    def wrong(self, reason: str) -> AnnotationError:
        return AnnotationError(f"template {self.text!r}, at character {self.at}: {reason}")


def slot_of(text: str) -> Slot:
    """Parse what stands in braces: a path, how it is told, and the prefix that is dropped.

    Raises `AnnotationError`.
    """
    steps, at = _steps(text)
    mask = 0
    rest = text[at:]
    if steps and "&" in rest and (masked := re.match(_MASK, rest)) is not None:
        mask, rest = int(masked[1], 0), rest[masked.end() :]
    rest, separator, prefix = rest.partition("#")
    prefix = prefix.strip()
    if separator and not re.fullmatch(_PREFIX, prefix, re.ASCII):
        raise AnnotationError(f"{{{text}}}: expected a prefix of names after #")
    rest = rest.strip()
    if not rest:
        if not steps:
            raise AnnotationError(f"{{{text}}}: expected the path of a member")
        return Slot(text, steps, prefix=prefix)
    if not rest.startswith(":"):
        raise AnnotationError(f"{{{text}}}: expected a member path, then : or #, not {rest!r}")
    how = rest[1:].strip()
    if how in HOWS and not mask:
        return Slot(text, steps, how, prefix=prefix)
    length = ""
    if how.startswith("sockaddr:"):
        how, _, length = how.partition(":")
    annotation = parse(how)
    means = None if isinstance(annotation, NotUnderstood) else as_meaning(annotation)
    if means is None or not steps:
        raise AnnotationError(
            f"{{{text}}}: expected {', '.join(HOWS)} or what values mean after :, not {how!r}"
        )
    return Slot(text, steps, "", means, length.strip(), prefix, mask)


def _steps(text: str) -> tuple[tuple[Step, ...], int]:
    """Return the steps that a text begins with, and how many characters of it those are."""
    steps: list[Step] = []
    at = len(text) - len(text.lstrip())
    while at < len(text):
        separator = _separator(text, at) if steps else ""
        match = _STEP.match(text, at + len(separator))
        if match is None:
            if separator:
                raise AnnotationError(f"{{{text}}}: expected a member after {separator}")
            break
        is_element = match[0].startswith("[")
        if steps and (not separator) != is_element:
            raise AnnotationError(f"{{{text}}}: {match[0]!r} is not expected here")
        if is_element:
            if not steps:
                raise AnnotationError(f"{{{text}}}: expected a member before {match[0]}")
            steps.append(Index(int(match["index"]) if match["index"] else None))
        elif match["name"]:
            steps.append(match["name"])
        else:
            steps.append(_cast(text, match["struct"]))
        at = match.end()
    return tuple(steps), at


def _separator(text: str, at: int) -> str:
    """Return what stands between two members there, "" if nothing does."""
    return next((one for one in (".", "->") if text.startswith(one, at)), "")


def _cast(text: str, inside: str) -> Cast:
    struct, _, member = inside.rpartition(":") if ":" in inside else (inside, "", "")
    name = struct_named(struct.strip())
    member = member.strip()
    if name is None or (":" in inside and not re.fullmatch(_MEMBER, member, re.ASCII)):
        raise AnnotationError(f"{{{text}}}: expected (STRUCT) or (STRUCT:MEMBER), not ({inside})")
    return Cast(name, member)
