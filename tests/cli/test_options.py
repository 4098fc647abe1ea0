"""Options that several commands share: overlays, and BTF from elsewhere."""

from __future__ import annotations

import pytest

from btfdump._cli import main
from btfdump._cli.terminal import FAILED, OK, USAGE
from tests.support.case_files import CASES


def test_mistakes_in_overlays_are_told(run, tmp_path):
    overlay = tmp_path / "mine.toml"
    overlay.write_text('[struct.task_struct]\nchildrn = "a:b"\n[struct.nosuch]\nx = "a:b"\n')
    status, out, err = run("task", "1", "--members", "comm", "--overlay", str(overlay), "--strict")
    assert status == FAILED
    assert "overlay mine.toml: struct task_struct has no member childrn" in out
    assert "overlay mine.toml: no struct nosuch" in err
    overlay.write_text("[struct.task_struct\n")
    status, _, err = run("task", "1", "--overlay", str(overlay))
    assert status == FAILED
    assert "mine.toml" in err


def test_overlay_speaks_before_tag_and_the_last_one_before_the_first(run, tmp_path):
    files = []
    for name in ("first", "last"):
        file = tmp_path / f"{name}.toml"
        file.write_text('[struct.task_struct]\nchildren = "task_struct:sibling"\n')
        files += ["--overlay", str(file)]
    _, out, _ = run("task", "1", "--members", "children", *files)
    assert "by sibling [overlay last.toml]" in out


def test_foreign_btf_is_refused(run):
    status, _, err = run("task", "1", "--btf", str(CASES / "vmlinux-6.1.btf.zst"))
    assert status == FAILED
    assert "zst" in err


@pytest.mark.parametrize("paths", ["pid,,comm", ",", "", "mm.", ".mm", "mm..pgd", "mm->"])
@pytest.mark.parametrize("option", ["--members", "--follow"])
def test_a_path_has_names(run, paths, option):
    """Nothing but a comma showed everything, an empty name was passed over in silence."""
    status, out, err = run("task", "1", option, paths)
    assert (status, out) == (USAGE, "")
    assert f"{paths!r}: a name is missing; expected PATH,PATH,..." in err


def test_a_member_and_a_part_of_it_are_not_asked_for_together(run):
    status, out, err = run("task", "1", "--members", "se,comm", "--members", "se.on_rq")
    assert (status, out) == (USAGE, "")
    assert "--members se,se.on_rq: se asks for all of it, se.on_rq for a part" in err


def test_what_a_dump_lacks_is_told(incomplete, capsys):
    """It was said in the description alone."""
    path = incomplete
    command = ["inspect", str(path), "task", "1", "--members", "comm"]
    assert main(command) == OK
    captured = capsys.readouterr()
    assert "init" in captured.out
    assert f"btfdump: note: {path}: is marked as incomplete: " in captured.err
    assert main([*command, "--strict"]) == FAILED
    capsys.readouterr()
    assert main(["diff", str(path), str(path), "task", "1", "--members", "comm"]) == OK
    assert capsys.readouterr().err.count("is marked as incomplete") == 2
