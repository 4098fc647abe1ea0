"""The library against real memory: what lies in the containers of a dump is what it says.

Every container that the library types is followed from the tasks and globals, and its entries are
held against the slab allocator (sample_dumps/build/matrix/survey.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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


@pytest.fixture(scope="module")
def evidence(opened) -> dict[str, dict[str, Evidence]]:
    found = {}
    for name in ("tagged", "stock", "stock-7.3", "s390x"):
        kernel = opened(name)
        found[name] = Survey(kernel, by_btfdump(kernel)).run()
    return found


def proven_lines() -> set[str]:
    lines = {
        f"{struct}.{member}"
        for struct in library().structs()
        for member in library().members(struct)
        if library().is_proven(struct, member)
    }
    return lines | {name for name in library().globals() if library().is_proven("", name)}


def test_nothing_in_the_dumps_contradicts_the_library(evidence):
    for name, found in evidence.items():
        wrong = {
            line: known.misfit or known.damage
            for line, known in found.items()
            if (known.misfits or known.broken) and line not in EXCUSED
        }
        assert wrong == {}, name
        assert sum(known.fitting > 0 for known in found.values()) > 60, name


def test_lines_that_are_said_to_be_proven_are(evidence):
    marked = proven_lines()
    assert len(marked) > 90
    for line in marked:
        assert any(
            line in found and found[line].fitting and (not found[line].misfits or line in EXCUSED)
            for found in evidence.values()
        ), line
