"""The library against real memory: what lies in the containers of a dump is what it says.

Every container that the library types is followed from the tasks and globals, and its entries are
held against the slab allocator (sample_dumps/build/matrix/survey.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._annotate.overlay import library
from sample_dumps.build.matrix.places import by_btfdump
from sample_dumps.build.matrix.survey import Survey

if TYPE_CHECKING:
    from sample_dumps.build.matrix.survey import Evidence

# What contradicts the library here, and why it is no fault of the library.
EXCUSED = {
    "task_struct.tasks": "of threads, which are not on the list, a copy of their leader's link",
    "task_struct.ptraced": "idle tasks but that of the first CPU never initialise it",
    "bpf_dtab.dev_index_head": "NULL in a device map that is no hash",
    "slab_caches": "the cache of caches cuts struct kmem_cache to the nodes and CPUs there are",
}


def proven_lines() -> set[str]:
    lines = {
        f"{struct}.{member}"
        for struct in library().structs()
        for member in library().members(struct)
        if library().is_proven(struct, member)
    }
    return lines | {name for name in library().globals() if library().is_proven("", name)}


def test_the_library_against_the_dumps(opened):
    """Nothing contradicts it, and what is said to be proven is: a survey answers both."""
    evidence: dict[str, dict[str, Evidence]] = {}
    for name in ("tagged", "stock", "stock-7.3", "s390x"):
        kernel = opened(name)
        evidence[name] = found = Survey(kernel, by_btfdump(kernel)).run()
        wrong = {
            line: known.misfit or known.damage
            for line, known in found.items()
            if (known.misfits or known.broken) and line not in EXCUSED
        }
        assert wrong == {}, name
        assert sum(known.fitting > 0 for known in found.values()) > 60, name
    marked = proven_lines()
    assert len(marked) > 90
    for line in marked:
        assert any(
            line in found and found[line].fitting and (not found[line].misfits or line in EXCUSED)
            for found in evidence.values()
        ), line
