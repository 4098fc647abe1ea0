"""Elements of BPF maps, and what distinguishes them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from btfdump._kernel.value import Value

PREFIX = "BPF_MAP_TYPE_"


class Keys(Enum):
    """What distinguishes the elements of a map."""

    TYPED = "key"
    """A key that lies in the kernel's memory, typed by the map's BTF."""
    INDEX = "index"
    """A number: a slot of an array, a CPU, the id of a stack."""
    OWNER = "owner"
    """The kernel's object that a value is attached to."""
    ORDER = "order"
    """Nothing but the order in which they are taken out."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a map, or one CPU's copy of it.

    `key` is typed by the map's BTF, or is an index, or None if there is no key. `owner` is the
    kernel's object that local storage is attached to. `value` is typed by the map's BTF if the
    map's creator decides what it is, and by the kernel's if the kernel does. `remark` says in words
    what no member says.
    """

    value: Value
    key: Value | None = None
    cpu: int | None = None
    owner: Value | None = None
    remark: str = ""
