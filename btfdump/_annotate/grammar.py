"""The tag grammar: from the text of a decl tag, or of an overlay entry, to what it states.

The same grammar serves `btf_decl_tag("...")` in the kernel's BTF, overlay files and the built-in
library. A text that is not in this grammar is `NotUnderstood`: it is listed, and never an error.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from btfdump._btf.type_name import TypeName
from btfdump._meaning.words import BARE, KEYED
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Callable


class Contains(NamedTuple):
    """A container: its entries are `struct element`, linked through their member `node`.

    `element` is a name, or `MODULE:struct NAME@ID` in part where that says which of several is
    meant. `node` is a dotted path, `name[]` if it takes the head's own array index, or None if the
    tag leaves the link to be found (or if the container holds plain pointers).
    """

    element: str
    node: str | None = None

    def __str__(self) -> str:
        linked = f" linked by {self.node}" if self.node else ""
        return f"contains {with_keyword(self.element)}{linked}"


class Length(NamedTuple):
    """An array behind a pointer, or a flexible array, and its number of elements."""

    expression: str

    def __str__(self) -> str:
        return f"length {self.expression}"


class TypedBy(NamedTuple):
    """Bytes that are a value of a BPF map, and the path to the `struct bpf_map` that types them."""

    path: str

    def __str__(self) -> str:
        return f"value of the BPF map {self.path}"


class PointsTo(NamedTuple):
    """What a `void *` points to: the name of a struct."""

    target: str

    def __str__(self) -> str:
        return f"points to {with_keyword(self.target)}"


class Placed(NamedTuple):
    """A struct that lies somewhere in a blob which several users share.

    It begins as many bytes after the pointer's target as the member `displacement` of a global
    variable says, provided that its members `back` lead to the object that holds the pointer.
    """

    target: str
    displacement: str
    back: str

    def __str__(self) -> str:
        return f"points to what holds {with_keyword(self.target)} at {self.displacement}"


class ContainerOf(NamedTuple):
    """The object is embedded as `member` in a `struct outer`."""

    outer: str
    member: str

    def __str__(self) -> str:
        return f"embedded in {with_keyword(self.outer)} as {self.member}"


class Means(NamedTuple):
    """What values mean, in the words of btfdump/_meaning: `unit:ns`, `mode`, `flags:PG_`."""

    word: str
    argument: str = ""

    def __str__(self) -> str:
        from btfdump._meaning.phrases import phrase  # nothing that is looked at needs it

        return phrase(self.word, self.argument)


class Condition(NamedTuple):
    """The other facts about this member hold only if the expression is not zero."""

    expression: str

    def __str__(self) -> str:
        return f"only if {self.expression}"


class Skip(NamedTuple):
    """Entries that are passed over because they are no objects, such as cursors.

    These are the ones for which the expression, over their own members, is not zero.
    """

    expression: str

    def __str__(self) -> str:
        return f"without those of {self.expression}"


class Vacant(NamedTuple):
    """In an array of heads, the number of the one that is not in use."""

    expression: str

    def __str__(self) -> str:
        return f"but for number {self.expression}"


class Follow(NamedTuple):
    """A pointer that is followed without being asked: `members` of the target, or all if empty."""

    members: tuple[str, ...]

    def __str__(self) -> str:
        return f"followed: {', '.join(self.members) or 'all members'}"


class Show(NamedTuple):
    """How to show the member: `string`, `utf8` or `hex`."""

    how: str

    def __str__(self) -> str:
        return f"show: {self.how}"


class Space(NamedTuple):
    """The address space of a pointer, as a type tag would say: `user`, `percpu`, `rcu`, `iomem`.

    `none` says that it is no address at all.
    """

    name: str

    def __str__(self) -> str:
        return f"__{self.name} pointer"


class LinkRole(NamedTuple):
    """The member is a link of some container, not a head: it leads to nothing of its own."""

    def __str__(self) -> str:
        return "link of a container"


class Stale(NamedTuple):
    """A pointer that the kernel keeps when its target is freed: it compares it, and never follows.

    What it leads to is checked before it is shown.
    """

    def __str__(self) -> str:
        return "may lead to what has been freed"


class Lock(NamedTuple):
    """A function or member is protected by a lock: `kind` is spin_lock, mutex_lock, locked, ..."""

    kind: str
    expression: str

    def __str__(self) -> str:
        return f"{self.kind} {self.expression}"


class Marker(NamedTuple):
    """A tag for the verifier, bpftool or pahole: bpf_kfunc, bpf_fastcall, arg:nonnull, ..."""

    name: str
    argument: str = ""

    def __str__(self) -> str:
        return f"{self.name}({self.argument})" if self.argument else self.name


class NotUnderstood(NamedTuple):
    """A text that has no meaning in this grammar.

    If there is too much of it to be looked at, `reason` says so, and `text` is its beginning.
    """

    text: str
    reason: str = ""

    def __str__(self) -> str:
        return f"not understood: {self.reason}" if self.reason else "not understood"


Annotation: TypeAlias = (
    Contains
    | Length
    | TypedBy
    | PointsTo
    | Placed
    | ContainerOf
    | Means
    | Condition
    | Follow
    | Show
    | Skip
    | Space
    | Vacant
    | LinkRole
    | Stale
    | Lock
    | Marker
    | NotUnderstood
)

MAX_TAG = 1 << 12
"""The most characters of a tag: those of kernels and of the library have a tenth of that."""
MAX_CHOICES = 16
"""The most alternatives (`NAME ?: OTHER`) in a tag: each of them is sought in the BTF."""
_MOST_QUOTED = 200

_NAME = re.compile(r"[A-Za-z_]\w*")
_PLACE = re.compile(r"[A-Za-z_]\w*((\.|->)[A-Za-z_]\w*)*")
_PATH = re.compile(r"[A-Za-z_]\w*(\[\])?(\.[A-Za-z_]\w*(\[\])?)*")
_LOCK = re.compile(
    r"(raw_spin_lock|spin_lock|read_lock|write_lock)(_irq|_irqsave|_bh|_nested)?"
    r"|mutex_lock(_nested|_interruptible|_killable)?|down_(read|write)(_nested|_killable)?"
    r"|rcu_read_lock(_bh|_sched)?|locked"
)
_SPACES = frozenset(("user", "percpu", "rcu", "iomem", "none"))
_SHOW = frozenset(("string", "utf8", "hex"))
_COMPOSITE = frozenset(("struct", "union"))
_KEYWORDS = ("struct ", "union ")
_BARE = frozenset(("bpf_kfunc", "bpf_fastcall"))


def parse(text: str) -> Annotation:
    """Parse one tag. Never raises: what is not understood is returned as `NotUnderstood`."""
    reason = _too_much(text)
    if reason:
        return NotUnderstood(
            text if len(text) <= _MOST_QUOTED else f"{text[:_MOST_QUOTED]}...", reason
        )
    parts = [part.strip() for part in text.split(":")]
    head, rest = parts[0], parts[1:]
    if not _NAME.fullmatch(head):  # one that says which is meant, or a keyword before it
        return _parse_contains(parts) or NotUnderstood(text)
    if not rest:
        return _parse_word(head)
    if head in _KEYED:
        annotation = _KEYED[head](":".join(rest))
        return annotation if annotation is not None else NotUnderstood(text)
    if _LOCK.fullmatch(head):
        return Lock(head, ":".join(rest))
    if head == "contains":
        return _parse_contains(rest) or NotUnderstood(text)
    return _parse_contains(parts) or NotUnderstood(text)


def _too_much(text: str) -> str:
    """Return why a tag is not even looked at, "" if it is: anybody may have written it."""
    if len(text) > MAX_TAG:
        return f"it has {len(text)} characters, more than {MAX_TAG}"
    choices = text.count("?:") + 1
    if choices > MAX_CHOICES:
        return f"it has {choices} alternatives (?:), more than {MAX_CHOICES}"
    return ""


def enclosed(alternative: tuple[Annotation, ...]) -> tuple[Annotation, ...]:
    """Apply `container_of:OUTER:MEMBER` to the `NAME:NODE` next to it: `OUTER:MEMBER.NODE`."""
    contains = next((a for a in alternative if isinstance(a, Contains)), None)
    outer = next((a for a in alternative if isinstance(a, ContainerOf)), None)
    if contains is None or outer is None:
        return alternative
    node = f"{outer.member}.{contains.node}" if contains.node else outer.member
    rest = tuple(a for a in alternative if a is not contains and a is not outer)
    return (Contains(outer.outer, node), *rest)


def _parse_word(word: str) -> Annotation:
    if word in _BARE:
        return Marker(word)
    if word.startswith("rcu_read_lock") and _LOCK.fullmatch(word):
        return Lock(word, "")
    return Show(word) if word in _SHOW else Contains(word)


def as_meaning(annotation: Annotation) -> Means | None:
    """Return what a word alone says of values, where it is on no container.

    `pid` on an idr says that it holds `struct pid`; on an integer, that it is the number of one.
    """
    if isinstance(annotation, Means):
        return annotation
    if not isinstance(annotation, Contains) or annotation.node is not None:
        return None
    return Means(annotation.element) if annotation.element in BARE else None


def _parse_contains(parts: list[str]) -> Annotation | None:
    """[NAME], [NAME, NODE], or either after `struct` (as a word or, in 2022's drafts, a part)."""
    if parts[0] == "struct" and len(parts) > 1:
        parts = parts[1:]
    name, rest = _struct_first(parts)
    if name is None or len(rest) > 1:
        return None
    if not rest:
        return Contains(name)
    node = "".join(rest[0].split())
    return Contains(name, node) if _PATH.fullmatch(node) else None


def _parse_container_of(text: str) -> Annotation | None:
    outer, rest = _struct_first([part.strip() for part in text.split(":")])
    if outer is not None and len(rest) == 1 and _PATH.fullmatch(rest[0]):
        return ContainerOf(outer, rest[0])
    return None


def _parse_points_to(text: str) -> Annotation | None:
    name, rest = _struct_first([part.strip() for part in text.split(":")])
    return PointsTo(name) if name is not None and not rest else None


def _parse_placed(text: str) -> Annotation | None:
    name, rest = _struct_first([part.strip() for part in text.split(":")])
    parts = ["".join(part.split()) for part in rest]
    if name is None or len(parts) != 2:
        return None
    is_sound = "." in parts[0] and all(_PLACE.fullmatch(part) for part in parts)
    return Placed(name, *parts) if is_sound else None


def struct_named(text: str) -> str | None:
    """Return the name of a struct as annotations have it, or None if it is not understood.

    That is the bare name where nothing says which one is meant, else what `TypeName` reads:
    `struct NAME@ID`, `MODULE:struct NAME`. A union is named like a struct.
    """
    name = text.removeprefix("struct ").strip()
    if _NAME.fullmatch(name):
        return name
    try:
        parsed = TypeName.parse(text)
    except ExpressionError:
        return None
    says_which = parsed.module or parsed.type_id is not None
    if not says_which or parsed.stars or parsed.lengths or not _NAME.fullmatch(parsed.name):
        return None
    keyword = parsed.keyword or "struct"
    module = f"{parsed.module}:" if parsed.module else ""
    number = f"@{parsed.type_id}" if parsed.type_id is not None else ""
    return f"{module}{keyword} {parsed.name}{number}" if keyword in _COMPOSITE else None


def with_keyword(name: str) -> str:
    """Return what `struct_named()` returns as C writes it: with `struct`."""
    return name if " " in name else f"struct {name}"


def bare_name(name: str) -> str:
    """Return what BTF calls the struct that `struct_named()` has returned the name of."""
    return name if name.isidentifier() else TypeName.parse(name).name


def _struct_first(parts: list[str]) -> tuple[str | None, list[str]]:
    """Return the name of a struct that begins a text, cut at its colons, and the rest of it."""
    has_module = len(parts) > 1 and parts[1].startswith(_KEYWORDS)
    length = 2 if has_module else 1
    return struct_named(":".join(parts[:length])), parts[length:]


def _parse_typed_by(text: str) -> Annotation | None:
    path = "".join(text.split())
    return TypedBy(path) if _PLACE.fullmatch(path) else None


def _parse_follow(text: str) -> Annotation | None:
    if text == "*":
        return Follow(())
    names = tuple(name.strip() for name in text.split(","))
    return Follow(names) if all(_PATH.fullmatch(name) for name in names) else None


def _parse_means(word: str, text: str) -> Annotation | None:
    return Means(word, " ".join(text.split())) if text.strip() else None


_ROLES: dict[str, Annotation] = {"link": LinkRole(), "stale": Stale()}
_KEYED: dict[str, Callable[[str], Annotation | None]] = {
    "counted_by": lambda text: Length(text) if text else None,
    "len": lambda text: Length(text) if text else None,
    "points_to": _parse_points_to,
    "typed_by": _parse_typed_by,
    "placed": _parse_placed,
    "container_of": _parse_container_of,
    "follow": _parse_follow,
    "cond": lambda text: Condition(text) if text else None,
    "skip": lambda text: Skip(text) if text else None,
    "vacant": lambda text: Vacant(text) if text else None,
    "show": lambda text: Show(text) if text in _SHOW else None,
    "space": lambda text: Space(text) if text in _SPACES else None,
    "role": lambda text: _ROLES.get(text),
    "arg": lambda text: Marker("arg", text),
    "exception_callback": lambda text: Marker("exception_callback", text),
    **{word: partial(_parse_means, word) for word in KEYED},
}
