"""Two kernels of docs/kernels.md: nothing is worse than that page says.

They are small, and between them lies most of what has moved in the kernel since 6.12. Their debug
symbols, the larger part of the time, are left to `make kernels`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sample_dumps.build import kernels
from sample_dumps.build.matrix import figures
from sample_dumps.build.matrix.catalogue import BY_NAME
from sample_dumps.build.matrix.run import figures_of
from sample_dumps.build.packages import PackageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from sample_dumps.build.matrix.figures import Figures

pytestmark = pytest.mark.kernel

KERNELS = ("6.12", "7.3")


@pytest.fixture(scope="module", params=KERNELS, ids="matrix {}".format)
def found(
    request: pytest.FixtureRequest, guest_tools: None, unavailable: Callable[[str], NoReturn]
) -> Figures:
    entry = replace(BY_NAME[request.param], without_dwarf="too large")
    try:
        kernels.files_of(entry.pin)
    except PackageError as error:
        unavailable(str(error))
    return figures_of(entry)


@pytest.mark.parametrize("what", ["failures", "misfits", "broken", "dead", "unread"])
def test_nothing_is_worse_than_the_page_says(found: Figures, what: str):
    known = getattr(figures.load()[found.name], what)
    new = {key: text for key, text in getattr(found, what).items() if key not in known}
    assert new == {}


def test_no_root_has_notes_that_the_page_does_not_have(found: Figures):
    known = figures.load()[found.name].notes
    new = {
        name: [text for text in texts if text not in known.get(name, {})]
        for name, texts in found.notes.items()
    }
    assert {name: texts for name, texts in new.items() if texts} == {}


def test_the_guest_has_what_the_page_speaks_of(found: Figures):
    assert set(found.estate) <= set(figures.load()[found.name].estate)
    assert found.modules > 100
    assert found.tasks > 100


def test_containers_are_followed_and_lie_in_slab_objects(found: Figures):
    known = figures.load()[found.name]
    assert found.entries > known.entries // 2
    assert found.met >= known.met * 9 // 10
    for name, shown in known.shown.items():
        assert bool(found.shown.get(name)) == bool(shown), name
