"""A machine that has loaded no BPF: tables are empty, which is no error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from btfdump._cli import main
from sample_dumps.build.guest import Guest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.kernel

EMPTY = ("progs", "links", "trampolines", "lsm-hooks", "struct-ops")
FULL = ("kfuncs", "bpf-iters", "tcp-cc")


@pytest.fixture(scope="module")
def idle(guest_tools: None) -> Iterator[Guest]:
    with Guest.boot("6.1", python=False, memory_mib=256, append="btfdump.idle") as running:
        yield running


@pytest.mark.parametrize("name", EMPTY)
def test_nothing_loaded(idle: Guest, capsys: pytest.CaptureFixture[str], name: str):
    socket = str(idle.qmp_socket)
    assert main(["qemu", socket, name, "--format", "json", "--strict"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["rows"], document["notes"]) == ([], [])
    for form in ("text", "tree"):
        assert main(["qemu", socket, name, "--format", form]) == 0
        assert f"no {name.replace('-', ' ')}\n" in capsys.readouterr().out


@pytest.mark.parametrize("name", FULL)
def test_what_the_kernel_offers(idle: Guest, capsys: pytest.CaptureFixture[str], name: str):
    assert main(["qemu", str(idle.qmp_socket), name, "--format", "json", "--strict"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["rows"]
    assert document["notes"] == []
