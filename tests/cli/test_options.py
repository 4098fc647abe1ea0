"""Options that several commands share: overlays, and BTF from elsewhere."""

from __future__ import annotations

from btfdump._cli.terminal import FAILED
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
