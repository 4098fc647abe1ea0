"""The front door: what `btfdump.__all__` names is all there is, typed, and loaded when used."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest

import btfdump
from btfdump import Kernel
from btfdump import _render as render

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

SCRIPT = '''\
"""What a user writes; a line that is wrong says what mypy has to find."""

import btfdump
from btfdump import Anomaly, Kernel, Limits, Value, traverse


def names(kernel: Kernel) -> list[str]:
    return [task.comm.string_() for task in kernel.tasks()]


with btfdump.open_core("vmcore", overlays=["more.toml"]) as kernel:
    init: Value = kernel.task(1)
    text: str = "".join(kernel.dump(init, format="tree", limits=Limits(depth=1)))
    troubles = [item for item in init.children.entries_() if isinstance(item, Anomaly)]
    for event in traverse(init, Limits()):
        print(event)
    kernel.dump(init, format="three")  # E: arg-type
    kernel.dump(init, formt="tree")  # E: call-arg
    Limits(dept=1)  # E: call-arg
    pid: str = init.address_  # E: assignment

btfdump.open_cor("vmcore")  # E: attr-defined
btfdump.open_core("vmcore", vmlinx="vmlinux")  # E: call-arg
from btfdump import Kernl  # E: attr-defined
'''


def test_what_the_type_checker_sees_is_what_is_exported() -> None:
    tree = ast.parse((ROOT / "btfdump" / "__init__.py").read_text("utf-8"))
    seen = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("btfdump")
        for alias in node.names
    }
    assert seen == set(btfdump.__all__)
    assert sorted(btfdump.__all__) == sorted(set(btfdump.__all__))


def test_each_name_is_found_and_nothing_else_is_public() -> None:
    code = (
        "import btfdump\n"
        "for name in btfdump.__all__: getattr(btfdump, name)\n"
        "print(*(n for n in vars(btfdump) if not n.startswith('_')))\n"
        "print(*dir(btfdump))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    public, shown = (set(line.split()) for line in run.stdout.splitlines())
    assert public - {"errors", "annotations", "TYPE_CHECKING"} == set(btfdump.__all__)
    assert shown == {*btfdump.__all__, "__version__"}


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'open_cor'"):
        btfdump.open_cor  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_documentation_shows_public_names(page: Path) -> None:
    if page.name == "architecture.md":
        return  # is for those who change the rooms
    text = page.read_text("utf-8")
    used = set(re.findall(r"^from btfdump import ([^\n#]+)", text, re.M))
    used = {name.strip() for line in used for name in line.split(",")}
    used |= set(re.findall(r"\bbtfdump\.([A-Za-z_]+)\b(?!/)", "".join(_python(text))))
    modules = {"drgn", "errors"}  # public by their own names
    assert used <= {*btfdump.__all__, "__version__"} | modules
    imported = re.findall(r"^(?:from|import) btfdump\.(\w+)", "".join(_python(text)), re.M)
    assert set(imported) <= modules


def test_what_a_kernel_and_a_value_have_is_on_a_page(opened: Callable[[str], Kernel]) -> None:
    text = "".join(
        (ROOT / "docs" / name).read_text("utf-8") for name in ("library.md", "extending.md")
    )
    kernel = opened("tagged")
    names = {name for name in {*dir(Kernel), *vars(kernel)} if not name.startswith("_")}
    missing = {name for name in names if not re.search(rf"(?:\bkernel\.|`){name}\b", text)}
    assert missing == set()
    classes = type(kernel.task(1)).__mro__  # dir() shows the members of the C type
    names = {name for kind in classes for name in vars(kind) if not name.startswith("_")}
    assert {name for name in names if not re.search(rf"[.`]{name}\b", text)} == set()


def _python(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)


def test_formats_of_the_type_are_those_that_come_along() -> None:
    assert list(get_args(render.Format)) == render.formats()


def test_mypy_finds_what_is_wrong_in_a_script(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, "utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(script)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    found = re.findall(r"script\.py:(\d+): error: .*\[([a-z-]+)\]$", run.stdout, re.M)
    wanted = [
        (str(number), line.partition("# E: ")[2])
        for number, line in enumerate(SCRIPT.splitlines(), 1)
        if "# E: " in line
    ]
    assert sorted(found) == sorted(wanted), run.stdout + run.stderr
