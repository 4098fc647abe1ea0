"""docs/kernels.md is what the figures say."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from sample_dumps.build.matrix import figures, page, reasons
from sample_dumps.build.matrix.catalogue import ENTRIES
from sample_dumps.build.matrix.figures import Figures
from sample_dumps.build.matrix.reasons import Reason

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


def test_every_kernel_has_its_row():
    one = Figures(
        "6.12", "linux-image 6.12", release="6.12-cloud", compared=1234, meanings=56, met=7
    )
    one.dead = {"net_bridge.mdb_list": '"item:link": no struct item in the BTF'}
    one.shown = {"task": 1500}
    one.notes = {"task": {"damaged at 0xffff888000000000": 2}}
    text = page.render(ENTRIES, {"6.12": one})
    assert "| 6.12 | 6.12-cloud | 0 | 0 | 1,234, 0 differ | 56 | 7, 1 dead |" in text
    assert "| task | 1,500 (2) |" in text
    assert "* 5.10 was not run yet.\n* 6.1 was not run yet.\n" in text
    assert "Debian's mirror has none of it" in text  # why a DWARF was not looked at


def test_what_no_reason_explains_comes_first(monkeypatch):
    monkeypatch.setattr(reasons, "REASONS", ())
    kept = {name: Figures(name, "p", broken={"a.b": f"{n} of 9"}) for n, name in enumerate("xyz")}
    kept["x"].failures = {"open": "no BTF"}
    kept["y"].notes = {"task": {"damaged at 0xffff888000000000": 2}}
    text = page.render([replace(ENTRIES[0], name=name) for name in kept], kept)
    assert (
        """\
### Not explained

* Steps that failed: open: no BTF (x)
* Broken containers: a.b: 0 of 9 (x, y, z)
* Notes: task: damaged at ADDRESS: 2 times (y)
"""
        in text
    )
    assert "### Broken containers" not in text


REASONS = (
    Reason("dead", r"net\.", "Not on `x`.", ("x",)),
    Reason("dead", r".*no member", "Moved."),
    Reason("notes", r"task: ", "Known."),
)


def test_what_is_explained_is_grouped_by_reason_kernels_and_struct(monkeypatch):
    monkeypatch.setattr(reasons, "REASONS", REASONS)
    kept = {name: Figures(name, "p") for name in ("x", "x-rt", "xy")}
    for name in ("x", "x-rt"):
        kept[name].dead = {"net.a_list": "no struct a", "net.b": "no struct b", "ip.c": "no member"}
    kept["xy"].dead = {"net.a_list": "no struct a", "ip.d": "no member"}
    kept["xy"].notes = {"task": {"odd at 0xffff888000000000": 2}}
    text = page.render([replace(ENTRIES[0], name=name) for name in kept], kept)
    assert text.endswith("""\
### Not explained

* Lines of the library without effect: net.a\\_list: no struct a (xy)

### Notes

* Known.
  * xy: task: odd at ADDRESS: 2 times

### Lines of the library without effect

* Not on `x`.
  * x, x-rt: net (a\\_list, b)
* Moved.
  * x, x-rt: ip.c
  * xy: ip.d
""")


def test_every_reason_is_one_of_something_on_the_page_and_all_there_is_has_one():
    kept = figures.load()
    used = set()
    for one in kept.values():
        for kind in page.KINDS.values():
            for key, text in page.troubles(one, kind).items():
                line = f"{key}: {text}" if text else key
                reason = reasons.reason_for(kind, line, one.name)
                assert reason is not None, f"{one.name}: {kind}: {line}"
                used.add(reason)
    assert used == set(reasons.REASONS)
    assert kept.keys() == {entry.name for entry in ENTRIES}


def test_the_page_names_no_path_of_the_machine_that_wrote_it():
    assert not re.search(r"/(tmp|root|home|work)/", page.PAGE.read_text("utf-8"))
