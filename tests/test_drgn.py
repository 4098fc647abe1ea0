"""btfdump inside drgn, as its users start it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import drgn
import pytest

from btfdump import AnnotationError, TargetError
from btfdump import drgn as plugin
from btfdump._drgn.attachment import attachment_of
from tests.support.drgn_programs import open_program, plugged_in

ROOT = Path(__file__).parents[1]
STACK = "print(prog.stack_trace(1)); print(find_task(prog, 1).comm.string_())"


def run_drgn(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run drgn with btfdump as the only plugin."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "DRGN_DISABLE_PLUGINS": "*"}
    env |= {"DRGN_PLUGINS": "btfdump=btfdump.drgn", "DEBUGINFOD_URLS": "", **environment}
    return subprocess.run(
        [sys.executable, "-m", "drgn", *args], capture_output=True, text=True, env=env, check=False
    )


def test_the_entry_point_names_this_module() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    section = text.partition('[project.entry-points."drgn.plugins"]\n')[2]
    name, _, value = section.partition("\n")[0].partition(" = ")
    found = EntryPoint(name, value.strip('"'), "drgn.plugins").load()
    assert found.drgn_prog_set is plugin.drgn_prog_set


def test_a_stack_trace_from_the_dump_alone(sample) -> None:
    done = run_drgn("-q", "-c", str(sample("stock")), "-e", STACK)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("#0  __schedule+0x")
    assert lines[6].startswith("#6  entry_SYSCALL_64_after_hwframe+0x")
    assert lines[-1] == "b'init'"


def test_it_can_be_kept_out(sample) -> None:
    done = run_drgn("-q", "-c", str(sample("stock")), "-e", STACK, BTFDUMP_DRGN="0")
    assert done.returncode != 0
    assert "find_task" not in done.stdout


def test_loading_the_plugin_loads_nothing_else(sample) -> None:
    code = "import sys; print(sorted(m for m in sys.modules if m.startswith('btfdump')))"
    done = run_drgn("-q", "--no-default-symbols", "-c", str(sample("stock")), "-e", code)
    assert done.stdout.strip() == str(
        ["btfdump", "btfdump._drgn", "btfdump._drgn.attachment", "btfdump.drgn"]
    )


def test_a_file_with_btf_is_taken_from_the_environment(sample, tmp_path, opened) -> None:
    path = tmp_path / "vmlinux.btf"
    path.write_bytes(opened("stock").btf.data)
    done = run_drgn("-q", "-c", str(sample("stock")), "-e", STACK, BTFDUMP_BTF=str(path))
    assert done.stdout.splitlines()[-1] == "b'init'"
    done = run_drgn("-c", str(sample("stock")), "-e", STACK, BTFDUMP_BTF="/nowhere")
    assert done.stderr.count("btfdump finds no types and symbols here: /nowhere: ") == 1


def test_user_programs_are_left_alone(monkeypatch) -> None:
    monkeypatch.delenv("BTFDUMP_DRGN", raising=False)
    prog = drgn.Program()
    prog.set_pid(os.getpid())
    plugin.drgn_prog_set(prog)
    assert attachment_of(prog) is None
    with pytest.raises(TargetError, match="this program is no Linux kernel"):
        plugin.attach(prog)
    with pytest.raises(LookupError):
        prog.type("struct no_such_struct")


def test_attaching_by_hand_returns_the_kernel(sample) -> None:
    prog = open_program(sample("stock"))
    kernel = plugin.attach(prog)
    assert kernel.task(1).comm == "init"
    assert plugin.attach(prog) is kernel
    assert prog["init_task"].comm.string_() == b"swapper/0"


def test_attaching_to_what_the_plugin_takes_care_of(sample, tmp_path) -> None:
    prog = plugged_in(sample("stock"))
    overlay = tmp_path / "mine.toml"
    overlay.write_text("[global]\nempty_zero_page = 'u64[512]'\n", "utf-8")
    kernel = plugin.attach(prog, overlays=[overlay])
    assert prog["empty_zero_page"].type_.type_name() == "u64 [512]"
    assert plugin.attach(prog) is kernel
    with pytest.raises(TargetError, match="has been opened already; attach before anything"):
        plugin.attach(prog, overlays=[overlay])


def test_what_is_wrong_is_said_where_one_attaches(sample, tmp_path) -> None:
    prog = open_program(sample("stock"))
    with pytest.raises(TargetError, match="none: no such file"):
        plugin.attach(prog, btf=tmp_path / "none")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[global]\nx = 3\n", "utf-8")
    with pytest.raises(AnnotationError):
        plugin.attach(prog, overlays=[wrong])
