"""The figures of one kernel: of a dump that is there, and of one that cannot be had."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sample_dumps.build import packages
from sample_dumps.build.apt import MACHINE
from sample_dumps.build.matrix import catalogue, command, figures, page, run
from sample_dumps.build.matrix.catalogue import BY_NAME, ENTRIES, Entry
from sample_dumps.build.matrix.figures import Figures
from sample_dumps.build.packages import PackageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def entry(monkeypatch) -> Entry:
    """Return a kernel of the matrix whose DWARF is not looked at; no list of apt's is fetched."""
    monkeypatch.setattr(catalogue, "private", lambda _: MACHINE)
    return replace(BY_NAME["6.12"], without_dwarf="too large")


def test_a_dump_that_is_kept_is_read_again(entry, sample, tmp_path: Path):
    (tmp_path / "6.12.elf").symlink_to(sample("tagged"))
    known = Figures("6.12", "linux-image", release="6.12.117-btftags", modules=7)
    found = run.figures_of(entry, tmp_path, known)
    assert found.failures == {}
    assert (found.package, found.release, found.modules) == ("linux-image", "6.12.117-btftags", 7)
    assert (found.tasks, found.slabs_by, found.compared) == (64, "btfdump", None)
    assert found.entries == sum((found.fitting, found.inside, found.elsewhere, _misfits(found)))
    assert found.fitting > 1000
    assert found.met > 400
    assert found.shown["task"] >= 64
    assert found.shown["maps"] > 10
    assert found.shown["progs"] > 5
    assert "globals of the library" in found.shown


def _misfits(found: Figures) -> int:
    return sum(int(text.split()[0]) for text in found.misfits.values())


def test_a_step_that_fails_is_a_figure(entry, monkeypatch):
    def find(_: object) -> None:
        raise PackageError("no package: try `apt-get update`")

    monkeypatch.setattr(packages, "find", find)
    found = run.figures_of(entry)
    assert found.failures == {"boot and dump": "PackageError: no package: try `apt-get update`"}
    assert found.tasks == 0


def test_a_name_that_is_not_in_the_matrix(capsys):
    assert command.run(["6.12", "2.6"]) == 2
    assert "no kernel 2.6 in the matrix; there are 5.10, 6.1," in capsys.readouterr().err


def test_the_list_runs_nothing(capsys, monkeypatch):
    monkeypatch.setattr(catalogue, "private", pytest.fail)
    assert command.run([], only_list=True) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(ENTRIES)


def test_the_page_is_written_after_each_kernel(monkeypatch, capsys):
    stored: list[list[str]] = []
    monkeypatch.setattr(command, "figures_of", lambda e, *_: Figures(e.name, "p"))
    monkeypatch.setattr(figures, "load", dict)
    monkeypatch.setattr(figures, "store", lambda kept, _: stored.append(list(kept)))
    monkeypatch.setattr(page, "write", lambda *_: None)
    assert command.run(["7.3", "5.10"]) == 0
    assert stored == [["7.3"], ["7.3", "5.10"]]
