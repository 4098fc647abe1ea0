"""How many heads of containers are typed: the figures by which kernels are compared.

Of a kernel and of all its modules, `list_head` and all others apart, links not counted among them.
Broad lines type many heads at once: what all containers of a type hold (`sk_buff_head`), and dozens
of heads in one struct that all hold the same (`security_hook_heads`). How many these are is told,
so that they can be left out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from btfdump._annotate.coverage import LINK, PART, Links, coverage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from btfdump._annotate.annotations import Annotations
    from btfdump._annotate.coverage import Known
    from btfdump._btf.reader import Btf


class Modules(Protocol):
    """The BTF of each module, a sequence or what makes them one by one."""

    def __len__(self) -> int:
        """Return how many there are."""

    def __iter__(self) -> Iterator[Btf]:
        """Yield each."""


LIST, OTHER = "list_head", "others"
MANY = 50
"""Heads in one struct that hold the same: with as many, its lines are one line as to knowledge."""


@dataclass(slots=True)
class Heads:
    """Heads of one kind: how many are typed, how many of these by broad lines.

    `links` are no heads, and in no other number.
    """

    typed: int = 0
    unknown: int = 0
    by_broad: int = 0
    links: int = 0

    @property
    def all(self) -> int:
        """The heads."""
        return self.typed + self.unknown

    @property
    def share(self) -> float | None:
        """The share of heads that are typed; None if there are no heads."""
        return self.typed / self.all if self.all else None

    @property
    def share_without_broad(self) -> float | None:
        """The share without what broad lines type; None if nothing is left."""
        left = self.all - self.by_broad
        return (self.typed - self.by_broad) / left if left else None


@dataclass(slots=True)
class HeadCount:
    """The heads of a kernel, or of all its modules together.

    What several modules have is counted once: the same member, of which the same is known.
    `of_module` has the heads of each BTF by its name, these with what others have as well, and
    `unknown` the members of each of which nothing is known.
    """

    by_kind: dict[str, Heads] = field(default_factory=lambda: {LIST: Heads(), OTHER: Heads()})
    of_module: dict[str, dict[str, Heads]] = field(default_factory=dict)
    unknown: dict[str, list[Known]] = field(default_factory=dict)
    _seen: set[tuple[str, str, str, bool]] = field(default_factory=set)

    def add(self, module: str, members: Iterable[Known]) -> None:
        """Count the members of one BTF that are containers."""
        counted = [member for member in members if member.status != PART]
        alike = Counter((m.struct, m.detail) for m in counted if m.is_typed)
        own = self.of_module[module] = {LIST: Heads(), OTHER: Heads()}
        for member in counted:
            kind = LIST if member.head == LIST else OTHER
            is_broad = member.is_typed and (
                member.by_type or alike[member.struct, member.detail] >= MANY
            )
            _count(own[kind], member, is_broad)
            key = (member.struct, member.member, member.head, member.is_typed)
            if key in self._seen:
                continue
            self._seen.add(key)
            _count(self.by_kind[kind], member, is_broad)
            if not member.is_typed and member.status != LINK:
                self.unknown.setdefault(module, []).append(member)

    @property
    def with_heads(self) -> list[str]:
        """The names of the BTFs that have any head."""
        return [name for name, own in self.of_module.items() if any(h.all for h in own.values())]

    @property
    def untyped(self) -> list[str]:
        """The names of the BTFs that have heads of which none is typed."""
        return [
            name
            for name in self.with_heads
            if not any(h.typed for h in self.of_module[name].values())
        ]


def count_heads(
    btf: Btf,
    modules: Modules,
    annotations: Annotations,
    complain: Callable[[str], None] = lambda problem: None,
    progress: Callable[[int, int, str], None] = lambda done, total, step: None,
) -> dict[str, HeadCount]:
    """Count the heads in the BTF of a kernel, and in those of its modules: by place.

    `complain` is told of each struct that is passed over, `progress` (modules done, all of them,
    what this is).
    """
    links = Links(annotations.sources())
    counts = {"vmlinux": HeadCount(), "modules": HeadCount()}
    # Entries that only modules have may be linked by a member of a struct of vmlinux.
    for done, module in enumerate(modules):
        progress(done, len(modules), "modules")
        counts["modules"].add(module.name, coverage(module, annotations, complain, links))
    counts["vmlinux"].add("vmlinux", coverage(btf, annotations, complain, links))
    return counts if len(modules) else {"vmlinux": counts["vmlinux"]}


def _count(heads: Heads, member: Known, is_broad: bool) -> None:
    if member.status == LINK:
        heads.links += 1
    elif member.is_typed:
        heads.typed += 1
        heads.by_broad += is_broad
    else:
        heads.unknown += 1
