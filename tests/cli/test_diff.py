"""`btfdump diff`."""

from __future__ import annotations

import json

from btfdump._cli import main

SAME, DIFFERENT, TROUBLE = 0, 1, 2


def test_a_dump_does_not_differ_from_itself(core, capsys):
    assert main(["diff", core, core, "task", "1"]) == SAME
    assert capsys.readouterr().out == "no difference\n"


def test_two_boots(core, sample, capsys):
    words = [
        "diff",
        core,
        str(sample("stock")),
        "task",
        "1",
        "--members",
        "comm,children.comm,stack",
    ]
    assert main(words) == DIFFERENT
    lines = capsys.readouterr().out.splitlines()
    assert '- children[pid 86]: struct task_struct 0xffff9caa834b42c0 "w_main" pid 86' in lines
    assert lines[-1].startswith("0 changed, 4 added, 4 removed; two boots; 1 pointers differ in")
    assert main([*words, "--addresses", "show", "--format", "json"]) == DIFFERENT
    document = json.loads(capsys.readouterr().out)
    assert not document["same_boot"]
    assert [change["path"] for change in document["changes"] if change["is_address"]] == [".stack"]


def test_json_files(core, tmp_path, capsys):
    main(["inspect", core, "task", "1", "--format", "json"])
    text = capsys.readouterr().out
    before, after = tmp_path / "a.json", tmp_path / "b.json"
    before.write_text(text)
    after.write_text(text.replace('"comm": "init"', '"comm": "other"'))
    assert main(["--diff", str(before), str(after)]) == DIFFERENT
    assert "~ comm: init -> other" in capsys.readouterr().out.splitlines()


def test_mistakes_are_told_apart_from_differences(core, tmp_path, capsys):
    document = tmp_path / "a.json"
    document.write_text('{"roots": []}')
    array, blob = tmp_path / "array.json", tmp_path / "btf"
    array.write_text("[1]")
    blob.write_bytes(b"\x9f\xeb\1\0" + bytes(20))
    for words, message in [
        ((core, core), f"say what to compare, for example: btfdump diff {core} {core} task 1"),
        ((core, core, "task 1"), "say it without quotes: task 1"),
        (("README.md", "README.md"), "README.md: starts with b'# btfdum'; expected a vmcore"),
        (("README.md", "README.md"), "'diff' takes vmcores, and what btfdump writes with"),
        (("README.md", core, "task"), "README.md: starts with b'# btfdum'"),
        ((str(array), str(array)), "is JSON, but an array"),
        ((str(blob), str(blob)), "is a raw BTF file; expected a vmcore"),
        ((str(document), str(document), "task"), "no ROOT"),
        ((core, str(tmp_path / "none"), "task"), "no such file"),
        ((core, core, "task", "nosuch"), "could not be read in full"),
    ]:
        assert main(["diff", *words]) == TROUBLE
        assert message in capsys.readouterr().err


def test_what_is_neither_json_nor_a_vmcore(tmp_path, capsys):
    """It was called a vmcore; what it is, is said."""
    for content, message in (
        (b"", "is empty; expected a vmcore"),
        (b"null", "starts with b'null'; expected a vmcore"),
        (b"[]", "is JSON, but an array; expected what btfdump writes"),
        (b'"x"', "is JSON, but a single value; expected what btfdump writes"),
        (b"[" * 5000, ""),  # no JSON, or nested too deep
    ):
        file = tmp_path / "file"
        file.write_bytes(content)
        assert main(["diff", str(file), str(file)]) == 2
        err = capsys.readouterr().err
        assert err.startswith(f"btfdump: {file}: {message}")
        assert err.count("\n") == 1


def test_a_number_of_thousands_of_digits(tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text('{"roots": [{"address": ' + "9" * 10_000 + "}]}")
    assert main(["diff", str(file), str(file)]) == 2
    err = capsys.readouterr().err
    assert err == f"btfdump: {file}: has a number of thousands of digits\n"
