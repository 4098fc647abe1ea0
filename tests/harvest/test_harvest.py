"""What the harvest reads out of C: each way to say what a container holds, and each way to err."""

from __future__ import annotations

import pytest

from btfdump._annotate.overlay import Overlay
from btfdump._cli import main
from tests.support.c_source import ONE_HEAD

pytest.importorskip("tree_sitter_c")


def test_the_command_writes_an_overlay(tmp_path, read, btf, capsys):
    read(
        ONE_HEAD["an insertion"] + "\nstatic LIST_HEAD(every_item);\n"
        "void g(struct item *i) { list_add(&i->more, &every_item); }\n"
        "void h(struct box *b, struct item *i) { hlist_add_head(&i->hash, &b->far[1]); }\n"
    )
    blob = tmp_path / "box.btf"
    blob.write_bytes(btf.data)
    out = tmp_path / "box.toml"
    words = ["annotations", "harvest", str(tmp_path / "linux"), "--btf", str(blob), "-o", str(out)]
    assert main(words) == 0
    assert "heads" in capsys.readouterr().err
    overlay = Overlay.load(out)
    assert overlay.structs() == ["box", "item"]
    assert str(overlay.members("box")["items"][0][0]) == "contains struct item linked by link"
    assert overlay.see("box", "items") == "box.c: f()"
    (every_item,) = overlay.global_("every_item")
    assert every_item.type == "struct list_head"
    assert "# box.far: item:hash (box.c: h())" in out.read_text()
    assert main([*words, "--under", "include"]) == 0
    assert main(["annotations", "harvest", str(tmp_path / "no"), "--btf", str(blob)]) == 1
    assert "no C source there" in capsys.readouterr().err
