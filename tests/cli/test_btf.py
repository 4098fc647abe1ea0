"""`btfdump btf`: BTF out of a vmcore, as a file."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from btfdump._api.btffile import open_btf
from btfdump._cli.terminal import FAILED, OK, USAGE
from tests.support.command import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from btfdump._api.kernel import Kernel


def test_the_kernels_own_and_a_modules_read_back(
    core: str,
    tmp_path: Path,
    opened: Callable[[str], Kernel],
    capsys: pytest.CaptureFixture[str],
) -> None:
    own, module = tmp_path / "vmlinux.btf", tmp_path / "module.btf"
    assert run(capsys, "btf", core, "-o", str(own)) == (OK, "", "")
    kernel = opened("tagged")
    assert own.read_bytes() == kernel.target.btf_bytes()
    assert run(capsys, "btf", core, "--module", "btfsample", "-o", str(module)) == (OK, "", "")
    btf = open_btf(module, base=own)
    assert btf.find("struct", "sample_root").btf is btf
    status, out, _ = run(capsys, "types", str(module), "--base", str(own), "struct sample_root")
    assert (status, "struct sample_root {" in out) == (OK, True)


def test_a_programs(
    core: str,
    tmp_path: Path,
    opened: Callable[[str], Kernel],
    capsys: pytest.CaptureFixture[str],
) -> None:
    bpf = opened("tagged").bpf
    of_kernel = [int(btf.id) for btf in bpf.btf_objects() if btf.kernel_btf]
    number = next(int(btf.id) for btf in bpf.btf_objects() if int(btf.id) not in of_kernel)
    path = tmp_path / "prog.btf"
    assert run(capsys, "btf", core, "--id", str(number), "-o", str(path)) == (OK, "", "")
    assert len(open_btf(path)) == len(bpf.btf(number))
    status, out, err = run(capsys, "btf", core, "--id", "99999", "-o", str(tmp_path / "none"))
    assert (status, out) == (FAILED, "")
    assert "no BTF has id 99999" in err
    assert not (tmp_path / "none").exists()


def test_nothing_is_overwritten_without_a_word(
    core: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "there"
    path.write_text("mine")
    status, _, err = run(capsys, "btf", core, "-o", str(path))
    assert (status, path.read_text()) == (FAILED, "mine")
    assert err == f"btfdump: {path}: is there already: --force overwrites it\n"
    assert run(capsys, "btf", core, "-o", str(path), "--force") == (OK, "", "")
    assert path.read_bytes()[:2] == b"\x9f\xeb"


def test_a_terminal_gets_no_binary(
    core: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    status, out, err = run(capsys, "btf", core)
    assert (status, out) == (USAGE, "")
    assert "stdout is a terminal: give a file, -o FILE" in err


def test_a_pipe_gets_it(core: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from btfdump._cli import main

    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
    assert main(["btf", core]) == OK
    assert out.getvalue()[:2] == b"\x9f\xeb"


def test_what_is_no_core(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.btf"
    path.write_bytes(b"\x9f\xeb\1\0" + bytes(28))
    status, _, err = run(capsys, "btf", str(path), "-o", str(tmp_path / "y"))
    assert (status, "is no vmcore" in err) == (USAGE, True)
