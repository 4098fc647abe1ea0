"""Streams of events are ended properly, at whatever event they are stopped."""

import json
from itertools import islice

import pytest

from btfdump._graph.events import Enter
from btfdump._graph.interrupted import InterruptedEvents
from btfdump._graph.limits import Limits
from btfdump._graph.traverse import traverse
from btfdump._render import Root, get


@pytest.fixture(scope="module")
def kernel(opened):
    return opened("tagged")


@pytest.fixture(scope="module")
def events(kernel):
    value = kernel.task(1)
    return value, list(traverse(value, Limits(depth=1)))


def stopped_after(events, count):
    value, stream = events
    unfinished = InterruptedEvents(value)
    for event in islice(stream, count):
        unfinished.follow(event)
        yield event
    yield from unfinished.ends("interrupted")


def test_every_event_is_a_place_to_stop(events, kernel):
    """Each format makes sense of it, and JSON is valid and says where it was interrupted."""
    for count in [*range(40), *range(40, len(events[1]), 97)]:
        for form in ("json", "text", "tree"):
            # Renderers mark the fields of objects: each needs events of its own.
            stream = events[0], list(islice(traverse(events[0], Limits(depth=1)), count + 1))
            root = Root(stopped_after(stream, count))
            text = "".join(get(form)([root], kernel.options()))
            assert "interrupted" in text, (form, count)
            if form == "json":
                json.loads(text)


def test_a_finished_stream_needs_no_end(events):
    value, stream = events
    unfinished = InterruptedEvents(value)
    for event in stream:
        unfinished.follow(event)
    assert list(unfinished.ends("interrupted")) == []


def test_nothing_read_yet(events):
    ends = list(InterruptedEvents(events[0]).ends("interrupted"))
    assert isinstance(ends[0], Enter)
    assert ends[0].value is events[0]
