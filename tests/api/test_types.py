"""The types in whatever a command is given: what it is decides how it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._api.types import open_types
from btfdump.errors import ExpressionError, TargetError
from tests.support.command import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from btfdump._api.kernel import Kernel

HEADER = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")


def test_an_elf_file_without_btf_is_not_taken_for_a_core(tmp_path: Path) -> None:
    path = tmp_path / "vmlinux"
    path.write_bytes(HEADER + bytes((2, 0, 62, 0)) + bytes(44))
    with (
        pytest.raises(TargetError, match=r"without a \.BTF section") as error,
        open_types(str(path)),
    ):
        pass
    assert "core" not in str(error.value)


def test_a_damaged_core_is_a_core(tmp_path: Path) -> None:
    for content in (HEADER + bytes((4, 0, 62, 0)), b"KDUMP   ", b"makedumpfile\0\0\0\0"):
        path = tmp_path / "core"
        path.write_bytes(content)
        with (
            pytest.raises(TargetError, match=r"expected a vmcore|makedumpfile -R"),
            open_types(str(path)),
        ):
            pass


@pytest.mark.parametrize("command", ["tags", "functions", "kfuncs"])
def test_commands_take_the_base_of_a_module(
    tmp_path: Path,
    command: str,
    capsys: pytest.CaptureFixture[str],
    opened: Callable[[str], Kernel],
) -> None:
    kernel = opened("tagged")
    (module, *_) = kernel.modules.btfs()
    (tmp_path / "module").write_bytes(module.data)
    (tmp_path / "vmlinux").write_bytes(kernel.btf.data)
    status, out, err = run(
        capsys, command, str(tmp_path / "module"), "--base", str(tmp_path / "vmlinux")
    )
    assert (status, err) == (0, "")
    assert out or command == "kfuncs"
    status, out, err = run(capsys, command, str(tmp_path / "module"))
    assert (status, out) == (1, "")
    assert "--base FILE" in err
    (tmp_path / "vmlinux").write_bytes(opened("stock").btf.data)
    status, out, err = run(
        capsys, command, str(tmp_path / "module"), "--base", str(tmp_path / "vmlinux")
    )
    assert (status, out) == (1, "")
    assert "does not fit its base vmlinux" in err


def test_a_vmcore_needs_no_base(sample: Callable[[str], Path]) -> None:
    with (
        pytest.raises(ExpressionError, match="no --base"),
        open_types(str(sample("tagged")), base="vmlinux"),
    ):
        pass
