"""`kernel.bpf`: all of BPF behind one name, and nothing of it on `Kernel`."""

from __future__ import annotations

import inspect
import json
import pickle
import subprocess
import sys
from copy import deepcopy
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from btfdump._api.kernel import Kernel
from btfdump._bpf.subsystem import Bpf
from btfdump._kernel.value import Value
from btfdump.errors import SymbolNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = [name for name, _ in inspect.getmembers(Bpf, inspect.isfunction) if name[0] != "_"]
TABLES = [name for name in NAMES if len(inspect.signature(getattr(Bpf, name)).parameters) == 1]


def test_nothing_of_it_is_a_method_of_the_kernel() -> None:
    for name in (*NAMES, "btf_by_id"):
        assert not hasattr(Kernel, name)


def test_it_is_one_object_for_each_kernel(opened: Callable[[str], Kernel]) -> None:
    assert opened("tagged").bpf is opened("tagged").bpf
    assert opened("tagged").bpf is not opened("stock").bpf


def test_btf_is_read_again_after_forget(patched: Kernel) -> None:
    before = patched.bpf.btf(15)
    assert patched.bpf.btf(15) is before
    patched.forget()
    assert patched.bpf.btf(15) is not before


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_something_in_it(opened: Callable[[str], Kernel], name: str) -> None:
    assert list(getattr(opened("tagged").bpf, name)())


@pytest.mark.parametrize("name", TABLES)
def test_records_are_plain_data(opened: Callable[[str], Kernel], name: str) -> None:
    """They can be copied, kept when the kernel is closed, and made a row of any table."""
    for item in getattr(opened("tagged").bpf, name)():
        if not isinstance(item, Value):  # an object of the kernel: maps() and btf_objects()
            copied = asdict(item)
            assert json.loads(json.dumps(copied)).keys() == copied.keys()
            assert pickle.loads(pickle.dumps(item)) == item == deepcopy(item)


@pytest.mark.parametrize("name", TABLES)
def test_a_kernel_without_bpf(patched: Kernel, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_symbol(name: str) -> int:
        raise SymbolNotFoundError(f"no symbol {name!r}")

    monkeypatch.setattr(patched.target, "symbol", no_symbol)
    with pytest.raises(SymbolNotFoundError):
        list(getattr(patched.bpf, name)())


def test_it_is_loaded_when_used() -> None:
    program = (
        "import sys, btfdump._api.kernel; "
        "print([n for n in sys.modules if n.startswith('btfdump._bpf.')])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stdout == "['btfdump._bpf.map_types', 'btfdump._bpf.program_btf']\n"
