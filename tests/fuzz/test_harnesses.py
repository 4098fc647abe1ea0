"""Every harness of fuzz/ on its committed inputs, and on a few more that are always the same."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from fuzz import samples
from fuzz.__main__ import load, main, report
from fuzz.driver import fuzz
from fuzz.harness import CORPUS, Wrong
from fuzz.harnesses import A_MINUTE, HARNESSES
from fuzz.harnesses.headers import _whole
from fuzz.harnesses.memory import Seen, check_truth
from tests.conftest import REPOSITORY

FEW = 12
# Those that run each command once before the first input: a few of the commands are enough here.
COMMANDS_OF = {"memory": slice(None, None, 5), "interrupts": slice(1, None, 3)}


@pytest.mark.parametrize("name", HARNESSES)
def test_harness(name, tmp_path, monkeypatch):
    if name in COMMANDS_OF:
        module = import_module(f"fuzz.harnesses.{name}")
        monkeypatch.setattr(module, "_COMMANDS", module._COMMANDS[COMMANDS_OF[name]])
    harness = load(name)
    assert harness.name == name
    committed = len(harness.corpus())
    tally = fuzz(harness, seed=1, count=committed + FEW, failures=tmp_path)
    assert not tally.faults, report(harness, 1, tally)
    assert tally.inputs == committed + FEW


def test_what_takes_a_minute_is_known_of_every_harness(capsys, monkeypatch):
    assert A_MINUTE.keys() == HARNESSES.keys()
    monkeypatch.setitem(A_MINUTE, "cache", 7)
    assert main(["cache", "--minutes", "2", "--seed", "1"]) == 0
    assert capsys.readouterr().out.startswith("cache: 14 inputs (seed 1)")


def test_every_harness_has_a_corpus_and_a_line_in_the_readme():
    folders = {path.name for path in CORPUS.iterdir()}
    assert folders == set(HARNESSES)
    readme = Path(REPOSITORY, "fuzz", "README.md").read_text("utf-8")
    assert all(f"| `{name}` |" in readme for name in HARNESSES)


def test_one_input_again(capsys, tmp_path):
    file = tmp_path / "input"
    file.write_bytes(b"no BTF")
    assert main(["btf", "--replay", str(file)]) == 0
    assert capsys.readouterr().out == "refused\n"
    assert main(["--list"]) == 0
    assert capsys.readouterr().out.split() == list(HARNESSES)


TASKS = {0x1000: (1, "init"), 0x9000: (2, "kthreadd")}
SHOWN = [
    '{"task": "0x1000", "pid": 1, "comm": "init"}',
    '{"task": "0x9000", "pid": 2, "comm": "kthreadd"}',
]


def judged(lines, troubles=0, touched=()):
    check_truth(TASKS, "task", Seen("\n".join(lines), troubles), touched, 0x100)


def test_what_was_not_touched_is_true_or_its_loss_is_told():
    judged(SHOWN)
    wrong = [SHOWN[0], SHOWN[1].replace("kthreadd", "kthreads")]
    with pytest.raises(Wrong, match="untouched, and wrong"):
        judged(wrong)
    with pytest.raises(Wrong, match="untouched, and wrong"):
        judged(wrong, troubles=1)
    judged(wrong, touched=[(0x90FF, 8)])
    with pytest.raises(Wrong, match="lost without a word: 0x9000"):
        judged(SHOWN[:1], touched=[(0x9100, 8)])
    judged(SHOWN[:1], troubles=1)
    judged(SHOWN[:1], touched=[(0x8FFF, 2)])


def test_what_was_done_to_a_dump_is_undone():
    """Each input of `headers` begins with a whole dump, whatever the one before has done to it."""
    sound = samples.path("tagged-6.12")
    size = sound.stat().st_size
    for line in ("cut 0", "cut 5000", f"write {size - 2} 01020304", "write 0 00\nwrite 9000 ff"):
        load("headers").run(f"file tagged-6.12\nrun modules\n{line}\n".encode())
        assert _whole("tagged-6.12").read_bytes() == sound.read_bytes()
