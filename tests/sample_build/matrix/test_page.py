"""docs/kernels.md is what the figures say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sample_dumps.build.matrix import figures, page
from sample_dumps.build.matrix.catalogue import ENTRIES
from sample_dumps.build.matrix.figures import Figures

if TYPE_CHECKING:
    from pathlib import Path


def test_the_page_is_written_out_of_the_figures_that_are_kept():
    assert page.PAGE.read_text("utf-8") == page.render(ENTRIES, figures.load())


def test_figures_are_kept_in_the_order_of_the_matrix(tmp_path: Path):
    kept = {name: Figures(name, f"linux-{name}") for name in ("6.12", "5.10", "gone")}
    kept["5.10"].notes = {"task": {"odd": 2}}
    file = tmp_path / "figures.json"
    figures.store(kept, ["5.10", "6.12"], file)
    assert list(figures.load(file)) == ["5.10", "6.12"]
    assert figures.load(file)["5.10"] == kept["5.10"]
    assert figures.load(tmp_path / "none") == {}


def test_every_kernel_has_its_row_and_its_section():
    one = Figures("6.12", "linux-image 6.12", release="6.12-cloud", compared=1234, met=7)
    one.dead = {"net_bridge.mdb_list": "net_bridge_mdb_entry"}
    one.shown = {"task": 1500}
    one.notes = {"task": {"damaged at 0xffff888000000000": 2}}
    one.failures = {"open": "no BTF"}
    text = page.render(ENTRIES, {"6.12": one})
    assert "| 6.12 | 6.12-cloud | 0 | 0 | 1,234, 0 differ | 7, 1 dead |" in text
    assert "| task | 1,500 (2) |" in text
    assert "* open: no BTF (6.12)\n" in text
    assert "net\\_bridge.mdb\\_list: net\\_bridge\\_mdb\\_entry (6.12)\n" in text
    assert "* task: damaged at ADDRESS: 2 times (6.12)\n" in text
    assert "### Not run yet\n\n* 5.10\n* 6.1\n* 6.18\n* 7.3\n" in text


def test_a_trouble_of_several_kernels_is_told_once():
    kept = {
        name: Figures(name, "p", broken={"a.b": f"{count} of 9"})
        for name, count in (("6.1", 3), ("6.12", 4))
    }
    kept["6.1"].unread = {"modules": "no symbol"}
    text = page.render(ENTRIES, kept)
    assert "### Broken containers\n\n* a.b: 3 of 9 (all)\n\n" in text
    assert "* modules: no symbol (6.1)\n" in text
    assert "### Misfits\n\nNone.\n" in text


def test_addresses_do_not_make_two_runs_differ():
    one = Figures("6.12", "p", misfits={"a.b": "at 0xffff888012345678, 0x10 of kmalloc-64"})
    text = page.render(ENTRIES, {"6.12": one})
    assert "* a.b: at ADDRESS, 0x10 of kmalloc-64 (6.12)\n" in text
