"""The driver of fuzz/: every way to fail is told, made again, made smaller and saved."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, ClassVar

import pytest

from btfdump.errors import CorruptDataError
from fuzz import judge
from fuzz.driver import fuzz, try_one
from fuzz.harness import Harness, expect
from fuzz.known import Known
from fuzz.minimise import minimise

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random


class Letters(Harness):
    """Some letters do harm."""

    name: ClassVar[str] = "letters"
    per_process: ClassVar[int] = 10

    def corpus(self) -> list[bytes]:
        return [b"first", b"second"]

    def generate(self, rng: Random, corpus: Sequence[bytes]) -> bytes:
        return bytes(rng.choice(b"abc") for _ in range(8))

    def run(self, data: bytes) -> str:
        if b"W" in data:
            expect(False, "a property", data)
        if b"R" in data:
            raise RecursionError
        if b"O" in data:
            raise CorruptDataError("our own, but not caught where it is due")
        if b"M" in data:
            bytearray(2 * judge.MEMORY)
        if b"K" in data:
            os.kill(os.getpid(), signal.SIGBUS)
        if b"X" in data:
            os._exit(3)
        if b"H" in data:
            while True:
                pass
        return "first" if data == b"first" else "good"


@pytest.fixture
def harness() -> Letters:
    return Letters()


def test_the_corpus_comes_first_and_a_seed_gives_the_same(harness, tmp_path):
    tally = fuzz(harness, seed=1, count=25, failures=tmp_path)
    assert tally.verdicts == {"first": 1, "good": 24}
    assert tally.inputs == 25
    assert not tally.faults
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("letter", "key"),
    [
        (b"W", "wrong: a property"),
        (b"R", "RecursionError: "),
        (b"O", "CorruptDataError: "),
        (b"M", "memory: "),
        (b"K", "killed by SIGBUS"),
        (b"X", "exit: status 3"),
    ],
)
def test_each_way_to_fail(harness, letter, key):
    assert try_one(harness, b"a" + letter).key == key
    assert try_one(harness, b"a").verdict == "good"


def test_a_hang_is_judged_by_the_time_of_the_processor(harness, monkeypatch):
    monkeypatch.setattr(judge, "CPU_SECONDS", 1)
    assert try_one(harness, b"H").key == "hang: "


def test_what_fails_is_saved_small_and_the_rest_goes_on(harness, tmp_path, monkeypatch):
    inputs = [b"first", b"xxWxxWxx", b"Wyyyyyyy", b"aaaaaaaa", b"aaaRaaaa"]
    monkeypatch.setattr(harness, "corpus", lambda: inputs)
    tally = fuzz(harness, seed=1, count=7, failures=tmp_path)
    assert tally.faults == {"wrong: a property": 2, "RecursionError: ": 1}
    assert tally.verdicts == {"first": 1, "fault": 3, "good": 3}
    saved = {path.read_bytes() for path in tally.saved}
    assert saved == {b"W", b"R"}
    (text,) = [p.with_suffix(".txt").read_text() for p in tally.saved if p.read_bytes() == b"W"]
    assert "seed 1, input 1" in text
    assert "--replay" in text
    assert "b'xxWxxWxx'" in text


def test_known_faults_are_counted_apart(harness, tmp_path, monkeypatch):
    monkeypatch.setattr("fuzz.known.KNOWN", (Known("letters", "wrong: a .*", "a reason"),))
    monkeypatch.setattr(harness, "corpus", lambda: [b"W"])
    tally = fuzz(harness, seed=1, count=2, failures=tmp_path)
    assert not tally.faults
    assert tally.known == {"wrong: a property": 1}


def test_smaller_inputs():
    data = b"one\ntwo\nthree\nfour\nfive\n"
    both = lambda part: b"two" in part and b"five" in part  # noqa: E731
    assert minimise(data, both, is_lines=True) == b"two\nfive\n"
    assert minimise(data, both, is_lines=False) == b"twofive"
    assert minimise(data, both, is_lines=True, seconds=0) == data
