"""`btfdump annotations`."""

from __future__ import annotations

import json

import pytest

from btfdump._cli import main

pytest.importorskip("tree_sitter_c")


def test_the_command(tmp_path, sample, capsys):
    assert main(["annotations", "check", str(sample("tagged"))]) == 0
    out = capsys.readouterr().out
    assert out.startswith("vmlinux:\nlibrary: ")
    assert "\nbtfsample:\n" in out
    assert main(["annotations", "check"]) == 2
    assert "say what to check" in capsys.readouterr().err


def test_a_dump_has_the_base_of_its_modules(sample, capsys):
    core = str(sample("tagged"))
    assert main(["annotations", "check", core, "--base", core]) == 2
    assert "is a vmcore, whose modules bring their base along: no --base" in capsys.readouterr().err


def test_the_command_wants_a_btf(capsys, tmp_path):
    assert main(["annotations", "encode", "-o", str(tmp_path / "x")]) == 2
    assert "--btf FILE" in capsys.readouterr().err


def test_coverage_of_several(sample, capsys):
    core = str(sample("tagged"))
    assert main(["annotations", "coverage", core, "--unknown"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{core}:\n")
    assert "\n  modules  list_head " in out
    assert "\nbtfsample: 5 unknown\n" in out
    assert main(["annotations", "coverage", core, core, "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
