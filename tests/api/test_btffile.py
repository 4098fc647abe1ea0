"""BTF files: compressed, split, on the wrong base, of another pointer size."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from btfdump import BtfFormatError, MissingDataError, TargetError, open_btf
from btfdump._btf import Btf, BtfBuilder
from btfdump._files import MAX_BTF

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from btfdump._api.kernel import Kernel


def kernel_btf(shift: int = 0) -> bytes:
    """The BTF of a kernel of many types; with a shift, of a build with other names before."""
    b = BtfBuilder()
    for number in range(shift):
        b.int_(f"something_else_{number}", 4)
    for number in range(40):
        b.struct(f"struct_number_{number}", 4, [(f"member_{number}", b.int_(f"i{number}", 4), 0)])
    return b.build()


def module_btf(base: bytes) -> bytes:
    b = BtfBuilder(base=Btf.from_bytes(base))
    for number in range(20):
        of = b.base.find("struct", f"struct_number_{number}").id if b.base else 0
        b.struct(f"own_{number}", 4, [(f"member_{number}", of, 0)])
    return b.build()


def test_compressed_with_gzip(tmp_path: Path) -> None:
    path = tmp_path / "vmlinux.btf.gz"
    path.write_bytes(gzip.compress(kernel_btf()))
    assert open_btf(path).data == kernel_btf()
    for cut in (5, 40):  # of the checksum alone, and of the types
        path.write_bytes(gzip.compress(kernel_btf())[:-cut])
        with pytest.raises(TargetError, match="compressed with gzip, and cut short; copy the file"):
            open_btf(path)
    path.write_bytes(gzip.compress(b"\x7fELF" + bytes(100)))
    with pytest.raises(TargetError, match=r"compressed with gzip, and no BTF; .*gzip -dk "):
        open_btf(path)
    path.write_bytes(gzip.compress(b"\x9f\xeb" + bytes(MAX_BTF)))
    with pytest.raises(TargetError, match=f"unpacks to more than {MAX_BTF} bytes"):
        open_btf(path)


def test_split_without_a_base_is_not_malformed(tmp_path: Path) -> None:
    path = tmp_path / "module.btf"
    path.write_bytes(module_btf(kernel_btf()))
    with pytest.raises(MissingDataError, match=r"split BTF.*\(--base FILE\)") as error:
        open_btf(path)
    assert "malformed" not in str(error.value)


def test_what_is_not_split_takes_no_base(tmp_path: Path) -> None:
    """On top of itself, each of its ids would mean one of the base's types."""
    path = tmp_path / "vmlinux.btf"
    path.write_bytes(kernel_btf())
    for base in (path, open_btf(path)):
        with pytest.raises(TargetError, match=r"is not split on any other BTF: .*; give no base"):
            open_btf(path, base=base)


@pytest.mark.parametrize("shift", [0, 1, 7, 300])
def test_a_base_is_the_right_one_or_said_to_be_wrong(tmp_path: Path, shift: int) -> None:
    module, base = tmp_path / "module.btf", tmp_path / "vmlinux.btf"
    module.write_bytes(module_btf(kernel_btf()))
    base.write_bytes(kernel_btf(shift))
    if not shift:
        assert open_btf(module, base=base).find_all("struct", "own_3")
        return
    with pytest.raises(TargetError, match=f"{module}: does not fit its base vmlinux.btf") as error:
        open_btf(module, base=base)
    assert "the very kernel" in str(error.value)
    assert "malformed" not in str(error.value)


def test_bases_of_real_modules(tmp_path: Path, opened: Callable[[str], Kernel]) -> None:
    kernel = opened("tagged")
    (tmp_path / "stock").write_bytes(opened("stock").btf.data)
    for number, module in enumerate(kernel.modules.btfs()):
        path = tmp_path / f"{number}.btf"
        path.write_bytes(module.data)
        assert len(open_btf(path, base=kernel.btf)) == len(module)
        with pytest.raises(TargetError, match="does not fit its base stock"):
            open_btf(path, base=tmp_path / "stock")


def test_malformed_with_a_base_is_malformed(tmp_path: Path) -> None:
    path = tmp_path / "module.btf"
    path.write_bytes(module_btf(kernel_btf())[:30])
    with pytest.raises(BtfFormatError, match="malformed BTF at offset"):
        open_btf(path, base=Btf.from_bytes(kernel_btf()))
