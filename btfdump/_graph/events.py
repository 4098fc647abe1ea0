"""What `graph.traverse` tells a renderer: one event per object, container or note, none per field.

The stream is well nested. An object is `Enter` ... `Exit`. Inside it, each of its fields whose
`has_group` is set is followed up, in the order of the fields, by one `Open` ... `Close` group that
holds what lies behind that field: the target of a pointer, the entries of a container, or just a
note.

An event, and a field in it, is never written to: a list of events may be rendered many times. For
those that come once for each object or group this is stated with `Final`, which mypy checks: to
make an instance of a frozen dataclass takes four times as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from btfdump._decode.layout import StructLayout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfdump._annotate.facts import Expansion
    from btfdump._decode.fields import Field
    from btfdump._kernel.notes import Note
    from btfdump._kernel.value import Value
    from btfdump._walk import ValueEntry


class GroupKind(Enum):
    """What a field leads to."""

    POINTER = "pointer"
    CONTAINER = "container"
    ARRAY = "array"
    MAP = "map"
    NOTE = "note"


class MapKey(NamedTuple):
    """The label of an element of a BPF map: what it is found by.

    `key` is the key as one field, or None if only `position` tells elements apart. `owner` is the
    object that local storage is attached to, with its `summary`. `cpu` is the CPU of this copy of a
    per-CPU value. `remark` says what no member does.
    """

    position: int
    key: Field | None = None
    owner: Value | None = None
    summary: tuple[tuple[str, str | int], ...] = ()
    cpu: int | None = None
    remark: str = ""


Label: TypeAlias = "str | MapKey"
"""The label of an entry: "[3]", or what finds it in a map; "" for anything else."""


class Holds(NamedTuple):
    """What a BPF map holds: its type ("hash"), and the C types of its keys and values if known.

    `entries` is the kernel's own count of elements, or None if it keeps none. `cpus` is the number
    of copies of each element in a per-CPU map.
    """

    id: int
    name: str
    kind: str
    key: str = ""
    value: str = ""
    entries: int | None = None
    cpus: int = 0


@dataclass(slots=True)
class Enter:
    """The start of an object.

    `fields` are its members, and `skipped` is the number of zero ones left out. A `brief` object
    shows only its `summary`: (label, value) pairs such as ("comm", "init"). `label` is "[3]" for an
    entry. `is_missing` means that nothing of the object could be read or decoded.

    `rest` is set if a `Reader` (btfdump/_graph/readers.py) has decoded only the members that may
    lead somewhere: those are in `fields`, at whatever level of the object they are. The renderer
    that the reader belongs to reads the others.
    """

    value: Final[Value]
    fields: Final[Sequence[Field]] = ()
    label: Final[Label] = ""
    summary: Final[tuple[tuple[str, str | int], ...]] = ()
    brief: Final[bool] = False
    skipped: Final[int] = 0
    empty_lists: Final[int] = 0
    unfollowed: Final[int] = 0
    is_missing: Final[bool] = False
    rest: Final[object] = None

    @property
    def is_bare(self) -> bool:
        """Whether this is not a struct or union: its only field, without a name, is all it has."""
        return bool(self.fields) and not isinstance(self.value._layout_, StructLayout)

    @property
    def is_one_field(self) -> bool:
        """Whether this is bare and an element of a map: its line is that of its field."""
        return self.is_bare and isinstance(self.label, MapKey)


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of the innermost object that is open."""


@dataclass(slots=True)
class Open:
    """The start of a group: what `field` leads to, or the root itself if that is None.

    `kind` is the kind of group, and `value` what it belongs to: the field, or a pointer's target. A
    container's `count` is known if all of it fitted into the first batch, else None. `provenance`
    is the source of what BTF itself does not state about the group: "tag", "library", ... `holds`
    describes a map.
    """

    kind: Final[GroupKind]
    field: Final[Field | None]
    value: Final[Value]
    expansion: Final[Expansion | None] = None
    count: Final[int | None] = None
    provenance: Final[str] = ""
    holds: Final[Holds | None] = None


class Close(NamedTuple):
    """The end of a group: `shown` of its `total` entries were shown (None: not counted to the end).

    `zero` is the number of elements of an array map left out because they are zero; `total` does
    not include them.
    """

    shown: int = 0
    total: int | None = None
    zero: int = 0


EXIT = Exit()
TARGET_SHOWN = Close(1, 1)
"""The end of a pointer's group."""


class Seen(NamedTuple):
    """A reference to an object that was shown before; if `is_cycle`, it is still open here."""

    value: Value
    label: Label = ""
    summary: tuple[tuple[str, str | int], ...] = ()
    is_cycle: bool = False


class Number(NamedTuple):
    """An entry of a container that is not an object: an integer instead of a pointer, or a mark."""

    entry: ValueEntry
    label: str


Event: TypeAlias = "Enter | Exit | Open | Close | Seen | Number | Note"
