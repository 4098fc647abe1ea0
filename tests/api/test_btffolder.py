"""A folder with the BTF of a kernel and of its modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._api.btffolder import BtfFolder
from btfdump._btf import Btf, BtfBuilder
from btfdump.errors import TargetError

if TYPE_CHECKING:
    from pathlib import Path


def module(base: Btf, struct: str) -> bytes:
    b = BtfBuilder(base=base)
    b.struct(struct, 4, [("number", base.find("int", "int").id, 0)])
    return b.build()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    b = BtfBuilder()
    b.int_("int", 4)
    kernel = b.build()
    base = Btf.from_bytes(kernel)
    (tmp_path / "vmlinux").write_bytes(kernel)
    (tmp_path / "one").write_bytes(module(base, "of_one"))
    (tmp_path / "two.btf").write_bytes(module(base, "of_two"))
    (tmp_path / "broken").write_bytes(b"\x9f\xeb\x01")
    (tmp_path / "note.txt").write_text("no BTF")
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_modules_are_parsed_in_turn_on_top_of_the_kernel(folder: Path) -> None:
    said: list[str] = []
    found = BtfFolder(folder, said.append)
    assert len(found) == 2
    assert [btf.name for btf in found] == ["one", "two"]
    assert all(btf.base is found.btf for btf in found)
    assert [problem.partition(":")[0].rpartition("/")[2] for problem in said] == [
        "broken",
        "note.txt",
    ]
    assert all(problem.endswith("; passed over") for problem in said)


def test_the_modules_in_which_a_name_occurs(folder: Path) -> None:
    found = BtfFolder(folder)
    (btf,) = found.naming("of_two")
    assert btf.name == "two"
    assert found.naming("of_two") == (btf,)
    assert found.naming("of_none") == ()
    assert btf in list(found)  # the same one again


def test_a_folder_without_a_kernel(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"has no file vmlinux; expected .*/sys/kernel/btf"):
        BtfFolder(tmp_path)
