"""Every command, output and Python example in README.md, docs/ and the like is run and compared.

In a fenced block ```console, lines that begin with `$ ` (and go on with `> `) are commands, run by
a shell from the top of the repository with $CORE set to the sample; what follows is their output,
stderr included. In ```python, all blocks of one file share their names: a line `expression  # text`
must have `text` as its repr, `# raises X: message` must raise that, and what is printed must be the
block ```text that follows. A line of nothing but `…` and tree guides stands for any number of
lines. `pytest --update-goldens` rewrites what is shown by what is (a line beside a `…` by the line
most like it).
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import io
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

TOP = Path(__file__).resolve().parents[2]
SAMPLES = TOP / "sample_dumps" / "README.md"
PAGES = [*sorted(TOP.glob("*.md")), SAMPLES, *sorted((TOP / "docs").rglob("*.md"))]
CORE = "sample_dumps/tagged-6.12/vmcore"
LOADING = [["inspect", CORE, *words] for words in (["task", "1"], ["net"], ["kfuncs"])]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"^(?P<code>.*?\S)(?P<gap> +)# (?P<text>.*)$")
_FILE = re.compile(r"(?<![\w./])(?:btfdump|bench|docs|tests)/[\w./-]+\.(?:json|md|py|toml)\b")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#([^)\s]*))?\)")


def name_of(page: Path) -> str:
    return str(page.relative_to(TOP))


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, text, and where its text stands in the page."""

    page: Path
    language: str
    text: str
    start: int
    end: int

    @property
    def line(self) -> int:
        return self.page.read_text("utf-8").count("\n", 0, self.start) + 1


def blocks(page: Path) -> list[Block]:
    text = page.read_text("utf-8")
    return [Block(page, m[1], m[2], m.start(2), m.end(2)) for m in _FENCE.finditer(text)]


def is_ellipsis(line: str) -> bool:
    return "…" in line and not line.strip("… │├└─|`")


def agree(shown: list[str], real: list[str]) -> bool:
    """Whether `real` is what `shown` says, a `…` line standing for any number of lines."""
    pattern = "".join(
        r"(?:.*\n)*?" if is_ellipsis(line) else re.escape(line) + r"\n" for line in shown
    )
    return re.fullmatch(pattern, "".join(line + "\n" for line in real)) is not None


def renewed(shown: list[str], real: list[str]) -> list[str]:
    """Bring `shown` up to date: wholly, or each line kept beside a `…` by the one most like it."""
    if not any(map(is_ellipsis, shown)):
        return real
    found: list[str] = []
    at = 0
    for line in shown:
        if is_ellipsis(line):
            found.append(line)
            continue
        after_gap = bool(found) and is_ellipsis(found[-1])
        candidates = real[at:] if after_gap else real[at : at + 1]
        scores = [difflib.SequenceMatcher(None, line, other).ratio() for other in candidates]
        if not scores:
            break
        best = scores.index(max(scores))
        found.append(candidates[best])
        at += best + 1
    return found


def replace(page: Path, changes: list[tuple[Block, str]]) -> None:
    text = page.read_text("utf-8")
    for block, new in sorted(changes, key=lambda change: -change[0].start):
        text = text[: block.start] + new + text[block.end :]
    page.write_text(text, "utf-8")


# Commands


def commands(block: Block) -> Iterator[tuple[list[str], list[str]]]:
    """Yield (lines of the command, lines of output shown)."""
    lines = block.text.splitlines()
    assert lines[:1], "an empty console block"
    assert lines[0].startswith("$ "), f"{block.page.name}:{block.line}: does not begin with '$ '"
    at = 0
    while at < len(lines):
        command = [lines[at]]
        while at + len(command) < len(lines) and lines[at + len(command)].startswith("> "):
            command.append(lines[at + len(command)])
        at += len(command)
        shown = []
        while at < len(lines) and not lines[at].startswith("$ "):
            shown.append(lines[at])
            at += 1
        yield command, shown


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A PATH on which `btfdump`, `python` and `drgn`, with its plugin, are those under test."""
    folder = tmp_path_factory.mktemp("bin")
    for name, words in (("python", ""), ("drgn", " -m drgn")):
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}"{words} "$@"\n')
        program.chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LC_", "LANG"))}
    environment = kept | {
        "PATH": f"{folder}:{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(TOP),
        "PYTHONUTF8": "1",
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "80",
        "CORE": CORE,
        "DRGN_DISABLE_PLUGINS": "*",
        "DRGN_PLUGINS": "btfdump=btfdump.drgn",
        "DEBUGINFOD_URLS": "",
    }
    with serving(folder, environment, LOADING):
        yield environment


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that looks like the checkout: what an example writes, or removes, is not in that."""
    for entry in TOP.iterdir():
        (tmp_path / entry.name).symlink_to(entry)
    return tmp_path


def shell(command: list[str], environment: dict[str, str], place: Path) -> list[str]:
    done = subprocess.run(
        ["/bin/sh", "-c", "\n".join(line[2:] for line in command)],
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
    )
    return done.stdout.decode().splitlines()


CONSOLE = [block for page in PAGES for block in blocks(page) if block.language == "console"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_give_the_output_shown(
    page: Path, environment: dict[str, str], place: Path, request: pytest.FixtureRequest
) -> None:
    update = bool(request.config.getoption("--update-goldens", default=False))
    changes: list[tuple[Block, str]] = []
    wrong: list[str] = []
    for block in CONSOLE:
        if block.page != page:
            continue
        new: list[str] = []
        for command, shown in commands(block):
            real = shell(command, environment, place)
            if not agree(shown, real):
                wrong.append(f"{page.name}:{block.line}: {command[0]}\n" + difference(shown, real))
            kept = shown if agree(shown, real) else renewed(shown, real)
            assert not update or agree(kept, real), f"cannot renew {command}"
            new += command + kept
        changes.append((block, "".join(line + "\n" for line in new)))
    if update:
        replace(page, changes)
    else:
        assert not wrong, "\n".join(wrong)


def difference(shown: list[str], real: list[str]) -> str:
    lines = difflib.unified_diff(shown, real, "shown", "real", lineterm="", n=1)
    return "\n".join(line for line in lines if not line.startswith("-…"))


# Python


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_blocks_do_what_they_show(
    page: Path, environment: dict[str, str], place: Path, request: pytest.FixtureRequest
) -> None:
    if not any(block.language == "python" for block in blocks(page)):
        return
    done = subprocess.run(  # a process of its own: examples register walkers and formats
        [sys.executable, __file__, str(page)],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    wrong, changes = json.loads(done.stdout)
    if request.config.getoption("--update-goldens", default=False):
        by_start = {block.start: block for block in blocks(page)}
        replace(page, [(by_start[start], text) for start, text in changes])
    else:
        assert not wrong, "\n".join(wrong)


def run_page(page: Path, wrong: list[str]) -> Iterator[tuple[Block, str]]:
    """Run the blocks of a page in order; yield what each should read."""
    names: dict[str, Any] = {"__name__": "__main__"}
    all_blocks = blocks(page)
    for number, block in enumerate(all_blocks):
        following = all_blocks[number + 1] if number + 1 < len(all_blocks) else None
        if block.language != "python":
            continue
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            new = run_block(block, names, wrong)
        yield block, new
        if following is None or following.language != "text":
            following = None
        shown = following.text.splitlines() if following else []
        real = out.getvalue().splitlines()
        if not agree(shown, real):
            where = f"{page.name}:{block.line}"
            wrong.append(f"{where}: printed\n{difference(shown, real)}")
            if following:
                yield following, "".join(line + "\n" for line in renewed(shown, real))


def run_block(block: Block, names: dict[str, Any], wrong: list[str]) -> str:
    lines = block.text.splitlines()
    for node in ast.parse(block.text).body:
        last = (node.end_lineno or node.lineno) - 1
        comment = _COMMENT.match(lines[last])
        wants = comment["text"] if comment is not None else None
        text = "\n".join(lines[node.lineno - 1 : last + 1])
        got = run_statement(node, names, wanted=wants is not None and isinstance(node, ast.Expr))
        if comment is None or got is None:
            continue
        if got != wants:
            wrong.append(f"{block.page.name}:{block.line + last}: {text}\n  is {got}")
            lines[last] = f"{comment['code']}{comment['gap']}# {got}"
    return "".join(line + "\n" for line in lines)


def run_statement(node: ast.stmt, names: dict[str, Any], *, wanted: bool) -> str | None:
    """Run one statement; return its repr, or what it raises, where that is wanted."""
    if not wanted or not isinstance(node, ast.Expr):
        exec(compile(ast.Module([node], []), "<docs>", "exec"), names)
        return None
    try:
        return repr(eval(compile(ast.Expression(node.value), "<docs>", "eval"), names))
    except Exception as error:  # noqa: BLE001 - any error is what the page must show
        return f"raises {type(error).__name__}: {error}"


# Pages


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for path, anchor in _LINK.findall(page.read_text("utf-8")):
        if "://" in path:
            continue
        target = page.parent / path
        assert target.exists(), f"{page.name}: {path}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {path}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_are_named_are_there(page: Path) -> None:
    for path in _FILE.findall(page.read_text("utf-8")):
        assert (TOP / path).exists(), f"{page.name}: {path}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_blocks_have_a_known_language(page: Path) -> None:
    known = {"console", "python", "text", "toml", "sh", "json", "c"}
    for block in blocks(page):
        assert block.language in known, f"{page.name}:{block.line}: {block.language!r}"


def test_every_format_is_described() -> None:
    from btfdump._render import formats

    page = (TOP / "docs" / "formats.md").read_text("utf-8")
    described = re.findall(r"^## `(\w+)`", page, re.MULTILINE)
    assert sorted(described) == formats()


def test_the_overlay_shown_is_the_one_used() -> None:
    shown = [b.text for b in blocks(TOP / "docs" / "annotations.md") if b.language == "toml"]
    assert (TOP / "docs" / "sample.toml").read_text("utf-8") in shown


def test_every_overlay_shown_is_accepted(tmp_path: Path) -> None:
    from btfdump._annotate.overlay import Overlay

    for page in PAGES:
        for block in blocks(page):
            if block.language == "toml":
                file = tmp_path / "overlay.toml"
                file.write_text(block.text, "utf-8")
                Overlay.load(file)


def test_every_page_can_be_reached_from_the_readme() -> None:
    waiting = [TOP / "README.md"]
    reached = set(waiting)
    while waiting:
        page = waiting.pop()
        for path, _ in _LINK.findall(page.read_text("utf-8")):
            linked = (page.parent / path).resolve()
            if "://" not in path and linked.suffix == ".md" and linked not in reached:
                reached.add(linked)
                waiting.append(linked)
    assert set(PAGES) <= reached


def test_a_served_command_is_as_one_of_its_own(environment: dict[str, str], place: Path) -> None:
    """Exit status, stderr, a pipe closed early and the folder are what a shell sees."""
    served = shell(
        [
            "$ btfdump inspect $CORE task 999; echo $?; cd sample_dumps; btfdump nothing; echo $?",
            "> btfdump --version | cat; btfdump inspect tagged-6.12/vmcore ps | head -1; echo $?",
        ],
        environment,
        place,
    )
    assert served[:2] == ["btfdump: no task has pid 999 among the 64 found", "1"]
    assert "invalid choice: 'nothing'" in served[2]
    assert served[3:5] == ["try 'btfdump --help'", "2"]
    assert served[5].startswith("btfdump 0.")
    assert served[6].split()[0] == "pid"
    assert served[7:] == ["0"]


def test_the_test_itself_notices_a_difference() -> None:
    assert agree(["a", "…", "d"], ["a", "b", "c", "d"])
    assert agree(["a", "│   …", "d"], ["a", "d"])
    assert not agree(["a", "…", "d"], ["a", "b", "c"])
    assert not agree(["a"], ["a", "b"])
    assert renewed(["a 1", "…", "dddd 1"], ["a 2", "bb", "dddd 2"]) == ["a 2", "…", "dddd 2"]


if __name__ == "__main__":
    found: list[str] = []
    renewals = list(run_page(Path(sys.argv[1]), found))
    print(json.dumps([found, [(block.start, text) for block, text in renewals]]))
