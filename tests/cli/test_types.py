"""`btfdump types`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from btfdump._cli.terminal import FAILED, OK, USAGE
from tests.support.command import run as command

if TYPE_CHECKING:
    from collections.abc import Callable


def test_definitions_with_what_tags_say(run: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = run("struct", "bpf_local_storage", "sample_sub", command="types")
    assert (status, err) == (OK, "")
    assert "/* list of struct bpf_local_storage_elem by snode [tag] */" in out
    assert "struct bpf_local_storage_map __rcu *smap;" in out
    assert "struct sample_sub {" in out


def test_what_means_nothing_is_said(run: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = run("struct list_head", "nonesuch", command="types")
    assert status == FAILED
    assert "struct list_head {" in out
    assert err == "btfdump: types: nothing is called 'nonesuch'\n"


def test_json(run: Callable[..., tuple[int, str, str]]) -> None:
    status, out, _ = run("struct sample_*", "--format", "json", command="types")
    document = json.loads(out)
    assert status == OK
    assert {one["module"] for one in document["types"]} == {"btfsample"}
    assert len(document["types"]) == 5
    status, out, _ = run("nonesuch", "--format", "json", command="types")
    assert (status, json.loads(out)["types"]) == (FAILED, [])


def test_a_header(run: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = run("--header", "--module", "btfsample", "sample_root", command="types")
    assert (status, err) == (OK, "")
    assert out.startswith("#ifndef __VMLINUX_H__\n")
    assert out.endswith("#endif /* __VMLINUX_H__ */\n")
    assert "struct sample_root {" in out
    assert "struct list_head {" in out
    status, out, err = run("--header", "--format", "json", command="types")
    assert (status, out) == (USAGE, "")


def test_in_one_module(core: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = command(capsys, "types", core, "--module", "btfsample", "list_head")
    assert (status, "struct list_head {" in out) == (OK, True)
    status, _, err = command(capsys, "types", core, "--module", "nope")
    assert (status, "no module nope" in err) == (USAGE, True)
    status, _, err = command(capsys, "types", core, "a@b")
    assert (status, "is not a type such as" in err) == (USAGE, True)


def test_cache_lines_have_a_size(capsys: pytest.CaptureFixture[str]) -> None:
    for size in ("0", "48", "x"):
        with pytest.raises(SystemExit):
            command(capsys, "types", "x", "--cacheline", size)
        assert "no size of a cache line" in capsys.readouterr().err
