"""The words of annotations in plain English."""

from __future__ import annotations

import pytest

from btfdump._meaning import Meaning
from btfdump._meaning.phrases import described, phrase
from btfdump._meaning.words import BARE, KEYED


@pytest.mark.parametrize("word", sorted(BARE))
def test_every_word_has_a_phrase(word: str) -> None:
    assert " " in phrase(word)
    assert ":" not in phrase(word)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("flags:color", "flags of enum color"),
        ("flags:NETIF_F_", "flags of the names NETIF_F_..."),
        ("flags:table task_state", "flags of the table task_state"),
        ("bits:color", "numbers of bits of enum color"),
        ("enum:color", "one of enum color"),
        ("unit:ns", "in nanoseconds"),
        ("unit:clock_t", "in clock ticks of user space"),
        ("time:epoch", "seconds since 1970"),
        ("time:epoch:ns", "nanoseconds since 1970"),
        ("time:boot", "nanoseconds since boot"),
        ("time:sched", "nanoseconds of the scheduler's clock"),
        ("time:boot:jiffies", "jiffies since boot"),
        ("time:jiffies", "a moment in jiffies"),
        ("bitmap:64", "a bitmap of 64 bits"),
        ("mac:6", "a hardware address of 6 bytes"),
        ("owner:task", "a pointer to the task that holds it"),
        (
            "owner:task:locked,waiters",
            "a pointer to the task that holds it, with flags: locked,waiters",
        ),
    ],
)
def test_words_with_an_argument(said: str, text: str) -> None:
    word, _, argument = said.partition(":")
    assert word in KEYED
    assert phrase(word, argument) == text


def test_names_are_told_as_far_as_a_line_goes() -> None:
    assert described(Meaning("flags:color", known=lambda: ["RED", "BLUE"])) == (
        "flags of enum color: RED, BLUE"
    )
    many = [f"F{number}" for number in range(20)]
    assert described(Meaning("flags:f", known=lambda: many)).endswith("F6, F7 and 12 more")
