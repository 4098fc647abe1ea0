"""Two kernels of docs/kernels.md: nothing is worse than that page says, and modules are read.

One has most of what it can do in modules, the other has most of what moved in the kernel since
6.12. Their debug symbols, the larger part of the time, are left to `make kernels`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pytest

from btfdump._annotate.applying import APPLIES, MISFIT
from btfdump._annotate.coverage import check, coverage, tally
from btfdump._annotate.overlay import library
from btfdump._api.opening import open_core
from sample_dumps.build import kernels
from sample_dumps.build.matrix import figures
from sample_dumps.build.matrix.catalogue import BY_NAME
from sample_dumps.build.matrix.run import figures_of
from sample_dumps.build.packages import PackageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import NoReturn

    from btfdump._api.kernel import Kernel
    from sample_dumps.build.matrix.figures import Figures

pytestmark = pytest.mark.kernel

GENERIC = "6.12-generic"
KERNELS = (GENERIC, "7.3")


class Run(NamedTuple):
    """A kernel that was booted: what was seen of it, and its dump."""

    figures: Figures
    dump: Path


@pytest.fixture(scope="module", params=KERNELS, ids="matrix {}".format)
def run(
    request: pytest.FixtureRequest,
    guest_tools: None,
    unavailable: Callable[[str], NoReturn],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Run]:
    entry = replace(BY_NAME[request.param], without_dwarf="a large download")
    try:
        kernels.files_of(entry.pin)
    except PackageError as error:
        unavailable(str(error))
    dump = tmp_path_factory.mktemp("matrix") / f"{entry.name}.elf"
    yield Run(figures_of(entry, dump.parent), dump)
    dump.unlink(missing_ok=True)  # pytest keeps the folders of three runs, and this is a gigabyte


@pytest.fixture(scope="module")
def found(run: Run) -> Figures:
    return run.figures


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


# Structs of modules

SUBJECTS = ("nf_tables", "ext4", "xfs", "btrfs", "nvme_core")


@pytest.fixture(scope="module")
def core(run: Run) -> Iterator[Kernel]:
    with open_core(run.dump) as kernel:
        yield kernel


def test_every_line_on_a_loaded_module_applies(core: Kernel, found: Figures):
    """Every line whose struct and member are here finds what it names, wherever that is."""
    rows = list(check(core.btfs(), library(), core.lookup))
    missed = [
        (row.struct, row.member, row.reason)
        for row in rows
        if row.status == MISFIT and f"{row.struct}.{row.member}" not in found.dead
    ]
    # Some members are something else in other kernels, which nothing is wrong with.
    assert [row for row in missed if not row[2].endswith("is not a container")] == []
    assert sum(row.status == APPLIES for row in rows) > 1900


def test_containers_of_modules_are_known(core: Kernel, found: Figures):
    """Two thirds of them at least; when only the module's own BTF was asked, none were."""
    loaded = {btf.name: btf for btf in core.modules.btfs() if btf.name in SUBJECTS}
    assert found.name != GENERIC or set(loaded) == set(SUBJECTS)  # 7.3 has some built in
    for name, btf in loaded.items():
        tallies = tally(coverage(btf, core.annotations)).values()
        assert sum(t.known for t in tallies) / sum(t.total for t in tallies) > 0.65, name


def test_tables_chains_and_rules_are_walked(core: Kernel):
    """What the network namespace keeps for nf_tables is found as net_generic() does."""
    read = core.target.read
    number = int.from_bytes(read(core.symbol("nf_tables_net_id"), 4), "little")
    slot = int(core["init_net"].gen) + 8 * number
    address = int.from_bytes(read(slot, 8), "little")
    tables = {
        table.member_("name").string_(): table
        for table in core.value("struct nftables_pernet", address).tables.walk_()
    }
    assert sorted(tables) == ["garden", "nat"]  # as estate.sh has it
    chains = {chain.member_("name").string_(): chain for chain in tables["garden"].chains.walk_()}
    assert {name: len(list(chain.rules.walk_())) for name, chain in chains.items()} == {
        "walk": 1,
        "gate": 4,
    }
    document = json.loads("".join(core.dump(tables["garden"], "json")))
    assert document["roots"][0]["members"]["chains"]["count"] == 2
