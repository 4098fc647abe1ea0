"""A package that brings one of each kind, and packages that bring broken ones.

They are folders as pip leaves them, on the path of a process of its own: what has been found of
packages is kept for as long as a process lives.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from btfdump._bpf.maps import MAPS
from btfdump._cli.commands import COMMANDS
from btfdump._render import RENDERERS
from btfdump._roots import ROOTS
from btfdump._tables.functions import FUNCTIONS, OBJECTS
from btfdump._walk import WALKERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from btfdump._plugins.registry import Registry

    Run = Callable[..., subprocess.CompletedProcess[str]]

REGISTRIES = [WALKERS, RENDERERS, ROOTS, MAPS, COMMANDS, FUNCTIONS, OBJECTS]
GROUPS = {
    "walkers": "wait_queue_head = tiny:walk_wait_queue",
    "renderers": "addresses = tiny:render_addresses",
    "roots": "idle = tiny:find_idle\ncpus = tiny:list_cpus\ninit_task = tiny:find_idle",
    "maps": "BRAND_NEW = tiny:walk_brand_new",
    "commands": "hello = tiny:hello",
}
TINY = '''
from btfdump import Enter, Keys, Selected, Table, command, map_family, renderer, root, table_root
from btfdump import walker, walker_of


@walker(link="list_head")
def walk_wait_queue(head):
    """Walk a wait queue (include/linux/wait.h)."""
    heads = head.inside(head.struct("wait_queue_head").offset("head"))
    yield from walker_of("list_head").walk(heads)


@renderer()
def render_addresses(roots, options):
    """Where every object is."""
    for root in roots:
        for event in root.events:
            if isinstance(event, Enter):
                yield f"{event.value.type_} {event.value.address_:#x}\\n"


@root(argument="CPU")
def find_idle(kernel, argument):
    """The idle task of the first CPU."""
    yield Selected(kernel["init_task"], f"idle({argument})")


@table_root()
def list_cpus(kernel, query):
    """Where each CPU has its variables."""
    offsets = enumerate(kernel.target.per_cpu_offsets)
    return Table("cpus", ("cpu", "offset"), ({"cpu": n, "offset": hex(o)} for n, o in offsets))


@map_family(keys=Keys.INDEX)
def walk_brand_new(map_):
    """Yield nothing."""
    return iter(())


def configure(parser):
    parser.add_argument("name")


@command(configure, help="say hello")
def hello(args):
    print(f"hello {args.name}")
    return 3
'''


@pytest.fixture
def install(tmp_path: Path) -> Callable[[str, str, dict[str, str]], None]:
    def install(package: str, source: str, groups: dict[str, str]) -> None:
        (tmp_path / f"{package}.py").write_text(source)
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        text = "".join(f"[btfdump.{group}]\n{lines}\n" for group, lines in groups.items())
        (info / "entry_points.txt").write_text(text)

    return install


@pytest.fixture
def sample_path(sample: Callable[[str], Path]) -> Path:
    return sample("tagged")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH", "")]))
        return subprocess.run(
            [sys.executable, *words],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": path, "COLUMNS": "100"},
        )

    return run


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.noun)
def test_every_line_of_a_table_leads_to_a_function(registry: Registry) -> None:  # type: ignore[type-arg]
    found = dict(registry.items())
    assert set(found) >= registry.built_in
    assert all(not isinstance(record, Exception) and record.help for record in found.values())


OF_TABLES = '''
from btfdump import column, objects


@objects("struct task_struct")
def idle_task(kernel):
    """The idle task of the first CPU."""
    def of():
        yield kernel["init_task"]
        yield 3
    return of


@column()
def shouted(kernel):
    """A text in capitals."""
    return str.upper
'''
TABLE = """
[table.idlers]
help = "idle tasks"
rows = [{ as = "task", call = "idle_task" }]

[table.idlers.columns]
comm = { call = "shouted", of = "task.comm" }
"""


def test_functions_of_tables(install, run, sample_path, tmp_path) -> None:
    groups = {"objects": "idle_task = own:idle_task", "columns": "shouted = own:shouted"}
    install("own", OF_TABLES, groups)
    overlay = tmp_path / "idlers.toml"
    overlay.write_text(TABLE)
    words = ("--no-cache", "--overlay", str(overlay), "--format", "jsonl")
    shown = run("-m", "btfdump", "inspect", str(sample_path), "idlers", *words)
    assert shown.stdout.splitlines()[0] == '{"table": "idlers", "comm": "SWAPPER/0"}'
    assert "object 'idle_task' of package own 1.0" in shown.stderr + shown.stdout
    assert "Traceback" not in shown.stderr


def test_one_of_each_kind(install, run, sample_path, tmp_path) -> None:
    install("tiny", TINY, GROUPS)
    core = str(sample_path)
    inspect = ("-m", "btfdump", "inspect", core, "--no-cache")

    shown = run(*inspect, "idle", "0", "--members", "pid,comm")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("idle(0) = ")
    assert '"swapper/0"' in shown.stdout
    assert run(*inspect, "idle(0).pid").stdout.startswith("idle(0).pid = ")

    shown = run(*inspect, "cpus", "--format", "jsonl")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith('{"table": "cpus", "cpu": 0, "offset": "0x')

    shown = run(*inspect, "task", "1", "--format", "addresses")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("struct task_struct 0xffff")

    shown = run("-m", "btfdump", "hello", "kernel")
    assert (shown.returncode, shown.stdout, shown.stderr) == (3, "hello kernel\n", "")

    shown = run(
        "-c",
        "from btfdump._bpf.maps import MAPS; print(MAPS.get('BRAND_NEW').help, MAPS.get('OTHER'))",
    )
    assert (shown.stdout, shown.stderr) == ("Yield nothing. None\n", "")

    overlay = tmp_path / "waiters.toml"
    overlay.write_text('[struct.signal_struct]\nwait_chldexit = "wait_queue_entry:entry"\n')
    shown = run(
        *inspect, "task", "1", "--members", "signal.wait_chldexit", "--overlay", str(overlay)
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "1 x struct wait_queue_entry by entry [overlay waiters.toml]" in shown.stdout


def test_a_symbol_goes_before_a_root_of_another_package(install, run, sample_path) -> None:
    install("tiny", TINY, GROUPS)
    inspect = ("-m", "btfdump", "inspect", str(sample_path), "--no-cache")
    assert run(*inspect, "init_task", "--members", "pid").stdout.startswith("init_task = ")
    assert run(*inspect, "init_task(0).pid").stdout.startswith("idle(0).pid = ")


def test_help_of_what_has_no_docstring(install, run) -> None:
    source = (
        "from btfdump import root\n\n@root(argument='X')\ndef find(kernel, argument):\n    yield\n"
    )
    install("mute", source, {"roots": "mute = mute:find"})
    shown = run("-m", "btfdump", "inspect", "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "  mute [X]...\n" in shown.stdout


def test_help_has_them_all(install, run) -> None:
    install("tiny", TINY, GROUPS)
    assert "hello      say hello" in run("-m", "btfdump", "--help").stdout
    shown = run("-m", "btfdump", "inspect", "--help").stdout
    assert "  idle [CPU]...           The idle task of the first CPU.\n" in shown
    assert "  cpus [NAME]...          Where each CPU has its variables.\n" in shown
    assert "  addresses               Where every object is.\n" in shown
    script = run("-m", "btfdump", "completion").stdout
    assert "addresses" in script
    assert "idle" in script
    assert "hello" in script


BROKEN = '''
from btfdump import Selected, Table
from btfdump._cli.commands import command
from btfdump._render import renderer
from btfdump._roots import root, table_root
from btfdump._walk import walker


@walker(link="list_head")
def walk_wait_queue(head):
    yield 1 / 0


@renderer()
def render_addresses(roots, options):
    """Yield what is no text."""
    yield 1


@root(argument="CPU")
def find_idle(kernel, argument):
    yield kernel.nonsense


@root(argument="CPU")
def find_swapped(kernel, argument):
    yield Selected("name", kernel["init_task"])


@root(argument="CPU")
def find_nothing(kernel, argument):
    return iter(())


@table_root()
def list_cpus(kernel, query):
    return None


@table_root()
def list_rows(kernel, query):
    return Table("rows", ("a",), ["a"])


def configure(parser):
    """Take nothing."""


@command(configure, help="fail")
def hello(args):
    raise KeyError("key")


@command(configure, help="say nothing")
def mute(args):
    return None


@command(lambda parser: parser.nonsense, help="take nonsense")
def nonsense(args):
    return 0


def plain(args):
    return 0
'''


def test_what_fails_is_told_as_the_package_s(install, run, sample_path, tmp_path) -> None:
    groups = GROUPS | {
        "commands": "hello = tiny:hello\nnonsense = tiny:nonsense\nplain = tiny:plain\n"
        "lost = tiny:lost\nabsent = absent_module:run\nempty = tiny: lost!\nmute = tiny:mute",
        "roots": GROUPS["roots"] + "\nrows = tiny:list_rows\nbare = tiny:plain"
        "\nswapped = tiny:find_swapped\nnothing = tiny:find_nothing",
    }
    install("tiny", BROKEN, groups)
    inspect = ("-m", "btfdump", "inspect", str(sample_path), "--no-cache")
    overlay = tmp_path / "waiters.toml"
    overlay.write_text('[struct.signal_struct]\nwait_chldexit = "wait_queue_entry:entry"\n')
    waiters = ("task", "1", "--members", "signal.wait_chldexit", "--overlay", str(overlay))

    def said(*words: str) -> str:
        shown = run(*words)
        assert "Traceback" not in shown.stderr + shown.stdout
        assert shown.returncode == 1, shown
        (line,) = shown.stderr.splitlines()
        return line

    assert "command 'hello' of package tiny 1.0 (tiny:hello): KeyError: 'key' (" in said(
        "-m", "btfdump", "hello"
    )
    assert "command 'nonsense' of package tiny 1.0 (tiny:nonsense): AttributeError" in said(
        "-m", "btfdump", "nonsense"
    )
    assert (
        "command 'plain' of package tiny 1.0 (tiny:plain): is function, not decorated as a "
        "command; expected a function with @command of btfdump"
    ) in said("-m", "btfdump", "plain")
    assert "expected a function with @root or @table_root of btfdump" in said(*inspect, "bare")
    assert (
        "(tiny:lost): cannot be loaded; expected MODULE:FUNCTION, but AttributeError: "
    ) in said("-m", "btfdump", "lost")
    assert "of package tiny 1.0 (tiny: lost!): names nothing to load; expected MODULE:FUNCTION" in (
        said("-m", "btfdump", "empty")
    )
    assert "(tiny:mute): returns NoneType, expected int" in said("-m", "btfdump", "mute")
    assert "(tiny:list_rows): yields str, expected Mapping or Note" in said(*inspect, "rows")
    assert "ModuleNotFoundError: No module named 'absent_module'" in said("-m", "btfdump", "absent")
    assert "root 'idle' of package tiny 1.0 (tiny:find_idle): AttributeError: " in said(
        *inspect, "idle"
    )
    assert (
        "root 'swapped' of package tiny 1.0 (tiny:find_swapped): yields Selected whose value is "
        "str, expected Value"
    ) in said(*inspect, "swapped", "0")
    assert "nothing(7): there is nothing of that kind" in said(*inspect, "nothing", "7")
    assert "nothing: there is nothing of that kind" in said(*inspect, "nothing")
    assert "nothing(7): there is nothing of that kind" in said(*inspect, "nothing(7).pid")
    assert (
        "root 'cpus' of package tiny 1.0 (tiny:list_cpus): returns NoneType, expected Table"
    ) in said(*inspect, "cpus")
    assert "renderer 'addresses' of package tiny 1.0 (tiny:render_addresses): yields int" in said(
        *inspect, "task", "1", "--format", "addresses"
    )
    shown = run(*inspect, *waiters)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "walker 'wait_queue_head' of package tiny 1.0 (tiny:walk_wait_queue): " in shown.stdout
    assert "ZeroDivisionError" in shown.stdout

    shown = run("-m", "btfdump", "--help")
    assert shown.returncode == 0
    assert "print objects out of a vmcore" in shown.stdout
    assert "No module named 'absent_module'" in " ".join(shown.stdout.split())


def test_two_packages_with_one_name(install, run) -> None:
    install("tiny", TINY, {"commands": "hello = tiny:hello"})
    install("other", TINY, {"commands": "hello = other:hello"})
    shown = run("-m", "btfdump", "hello", "kernel")
    assert shown.returncode == 1
    assert "tiny 1.0" in shown.stderr
    assert "other 1.0" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_what_is_built_in_goes_first_and_nobody_looks_at_packages(
    install, run, sample_path
) -> None:
    install("tiny", TINY, {"commands": "inspect = tiny:hello", "roots": "task = tiny:find_idle"})
    program = (
        "import sys; from btfdump._cli import main; "
        f"status = main(['inspect', {str(sample_path)!r}, 'task', '1', '--no-cache']); "
        "print(status, 'importlib.metadata' in sys.modules, 'btfdump._roots.maps' in sys.modules)"
    )
    shown = run("-c", program)
    assert "struct task_struct" in shown.stdout
    assert shown.stdout.splitlines()[-1] == "0 False False"
