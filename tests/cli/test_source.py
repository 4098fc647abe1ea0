"""`btfdump source`."""

from __future__ import annotations

from btfdump._cli import main
from btfdump._cli.terminal import FAILED, OK, USAGE


def test_source(capsys, tmp_path):
    from btfdump._btf import BtfBuilder

    builder = BtfBuilder()
    long_ = builder.int_("long unsigned int", 8)
    builder.struct("pair", 16, [("a", long_, 0), ("b", long_, 64)])
    blob = tmp_path / "pair.btf"
    blob.write_bytes(builder.build())
    assert main(["source", "struct pair", "--btf", str(blob)]) == OK
    assert "def text(d):" in capsys.readouterr().out
    for format_, first in (("fields", "def fields(d):"), ("json", "def leads(d, a, S):")):
        assert main(["source", "struct pair", "--btf", str(blob), "--format", format_]) == OK
        out = capsys.readouterr().out
        assert out.startswith(first)
    assert "\n\ndef members(d, a, H):\n" in out
    assert main(["source", "struct pair", "--btf", str(blob), "--members", "b"]) == OK
    assert "def read(d):" in capsys.readouterr().out
    assert main(["source", "unsigned long", "--btf", str(blob)]) == USAGE
    assert main(["source", "struct pair *", "--btf", str(blob)]) == USAGE
    assert main(["source", "struct nosuch", "--btf", str(blob)]) == FAILED


def test_one_of_several_structs(capsys, tmp_path):
    from btfdump._btf import Btf, BtfBuilder

    b = BtfBuilder()
    b.struct("pair", 8, [("a", b.int_("long unsigned int", 8), 0)])
    b.struct("item", 8, [("a", 1, 0)])
    base, module = tmp_path / "vmlinux", tmp_path / "module"
    base.write_bytes(b.build())
    split = BtfBuilder(base=Btf.from_bytes(b.build()))
    split.struct("pair", 8, [("other", 1, 0)])
    module.write_bytes(split.build())
    files = ("--btf", str(module), "--base", str(base))
    assert main(["source", "struct pair", *files]) == FAILED
    assert "'struct pair@2' (8 bytes), 'struct pair@4' (8 bytes); say" in capsys.readouterr().err
    for text, member in (("struct pair@4", "other"), ("struct pair@2", "a"), ("struct item", "a")):
        assert main(["source", text, *files]) == OK
        assert f".{member} = " in capsys.readouterr().out
