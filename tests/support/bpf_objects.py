"""Programs and links of a kernel, and what is said of those that are damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._bpf.links import Link, find_links
from btfdump._bpf.progs import Prog, find_progs
from btfdump._kernel.notes import Note, without_notes

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel
    from btfdump._kernel.value import Value


SAMPLES = ("tagged", "stock", "s390x")


def progs(kernel: Kernel) -> dict[str, Prog]:
    return {prog.name: prog for prog in without_notes(find_progs(kernel))}


def links(kernel: Kernel) -> list[Link]:
    return list(without_notes(find_links(kernel)))


def notes(items: Any) -> list[str]:
    return [item.text for item in items if isinstance(item, Note)]


def btf_of(kernel: Kernel, btf_id: int) -> Value:
    """Return the `struct btf` with that id."""
    (found,) = [btf for btf in kernel.bpf.btf_objects() if int(btf.id) == btf_id]
    return found
