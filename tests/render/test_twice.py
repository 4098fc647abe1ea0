"""Events are made once: whoever renders them, and however often, finds them as they were."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from btfdump._decode.compiled.source import HOT
from btfdump._decode.fields import Field
from btfdump._graph.events import Close, Enter, Exit, MapKey, Number, Open, Seen
from btfdump._graph.interrupted import InterruptedEvents
from btfdump._graph.limits import Limits, selection_of
from btfdump._graph.traverse import traverse
from btfdump._render import Root, formats, get, reader_for
from btfdump._roots.selecting import select
from tests.support.registered import known_root

ROOTS = [
    "task(1)",
    "task(1).pid",
    "task(1).sched_reset_on_fork",
    "task(1).comm",
    "task(1).pending.signal.sig",
    "task(1).pid_links",
    "task(1).sched_class",
    "task(1).mm",
    "task(1).children",
    "slab_caches",
    "timer_bases",
    "init_net",
]
MAPS = ["7", "11", "12", "14"]
FEW = Limits(elements=8)
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {"limits": FEW},
    "zero": {"limits": FEW, "zero": True},
    "deep": {"limits": Limits(depth=1, elements=3)},
    "brief": {"limits": FEW, "brief": True},
    "selected": {"members": selection_of(["mm.owner", "children", "comm"])},
    "followed": {"follow": frozenset([("mm",), ("children",)])},
}


@pytest.fixture
def kernel(opened):
    return opened("tagged")


@pytest.fixture
def write_once(monkeypatch):
    """Make it an error to write to an event, or to a field of one, that has been made."""

    def set_once(self, name, value):
        assert not hasattr(self, name), f"{type(self).__name__}.{name} is written to"
        object.__setattr__(self, name, value)

    for made_once in (Field, Enter, Exit, Open, Close, Seen, Number, MapKey):
        monkeypatch.setattr(made_once, "__setattr__", set_once)


def roots_of(kernel):
    """Yield (name, value) of roots of every kind."""
    for text in ROOTS:
        for selected in select(kernel, text):
            yield selected.name, selected.value
    for number in MAPS:
        for selected in known_root("map").find(kernel, number):
            yield selected.name, selected.value


def rendered(kernel, events, name, format_, **options):
    return "".join(get(format_)([Root(events, name)], kernel.options(**options)))


@pytest.mark.parametrize("how", OPTIONS)
@pytest.mark.usefixtures("write_once")
def test_events_give_the_same_text_to_whoever_renders_them(kernel, how):
    asked = OPTIONS[how]
    shown = {name: asked[name] for name in asked if name in ("zero", "limits")}
    for name, value in roots_of(kernel):
        if how in ("selected", "followed") and name != "task(1)":
            continue
        first = {
            format_: rendered(kernel, list(traverse(value, **asked)), name, format_, **shown)
            for format_ in formats()
        }
        events = list(traverse(value, **asked))
        for _ in range(2):
            for format_, text in first.items():
                assert rendered(kernel, events, name, format_, **shown) == text


@pytest.mark.parametrize("format_", formats())
@pytest.mark.usefixtures("write_once")
def test_events_of_compiled_readers_too(kernel, format_):
    """Of tasks there are enough for code to be compiled, and to be used then."""
    options = kernel.options()
    tasks = list(islice(kernel.tasks(), 3 * HOT))

    def streams():
        reader = reader_for(format_, kernel, Limits(), options)
        return [Root(list(traverse(task, reader=reader))) for task in tasks]

    first = "".join(get(format_)(streams(), options))
    again = streams()
    assert "".join(get(format_)(again, options)) == first
    assert "".join(get(format_)(again, options)) == first


@pytest.mark.usefixtures("write_once")
def test_events_that_were_interrupted_too(kernel):
    """What ends a stream in the middle is made of the fields that are there."""
    value = kernel.task(1)
    events = list(traverse(value))
    for end in range(0, len(events), 7):
        unfinished = InterruptedEvents(value)
        for event in events[:end]:
            unfinished.follow(event)
        whole = [*events[:end], *unfinished.ends("interrupted")]
        for format_ in formats():
            first = rendered(kernel, whole, "", format_)
            assert rendered(kernel, whole, "", format_) == first
