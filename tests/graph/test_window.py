"""The counting window: what is shown of a container, what is counted, and what is told."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btfdump._graph import window as module
from btfdump._graph.events import Close, Enter, Open
from btfdump._graph.limits import Limits
from btfdump._graph.traverse import traverse
from btfdump._graph.window import MAX_AHEAD, CountingWindow
from btfdump._kernel.notes import Note
from btfdump._walk import Anomaly
from tests.support.synthetic import World


def items_of(pattern):
    """Entries are numbers, an anomaly is one that is its own message."""
    return [
        Anomaly(f"anomaly {at}", at) if is_anomaly else at for at, is_anomaly in enumerate(pattern)
    ]


@pytest.fixture(autouse=True)
def few_beyond(monkeypatch):
    """Count no further than 200 entries beyond the last one shown, so that this is tested too."""
    monkeypatch.setattr(module, "MAX_BEYOND", 200)


PATTERNS = st.integers(0, 400).flatmap(
    lambda size: st.sets(st.integers(0, max(size - 1, 0)), max_size=6).map(
        lambda wrong: [at in wrong for at in range(size)]
    )
)
LIMITS = st.one_of(st.integers(0, 400), st.sampled_from([MAX_AHEAD - 1, MAX_AHEAD, MAX_AHEAD + 1]))


@given(pattern=PATTERNS, limit=LIMITS)
def test_what_is_shown_counted_and_told(pattern, limit):
    items = items_of(pattern)
    walked = []

    def walk():
        for item in items:
            walked.append(item)
            yield item

    window = CountingWindow(walk(), limit)
    ahead = len(walked)
    given = list(window)
    entries = [item for item in items if not isinstance(item, Anomaly)]
    shown = [item for item in given if not isinstance(item, Anomaly)]
    assert shown == entries[:limit]
    assert window.shown == len(shown)
    # Each anomaly that the walk gave is told, and once.
    told = Counter(item.message for item in given if isinstance(item, Anomaly))
    assert told == Counter(item.message for item in walked if isinstance(item, Anomaly))
    if len(entries) < limit + module.MAX_BEYOND:
        assert walked == items
        assert window.total == len(entries)
    else:
        assert window.total is None
    # The heading waits for no more than it needs, and never says what turns out to be wrong.
    assert window.count in (None, window.total)
    if limit > MAX_AHEAD:
        found = sum(not isinstance(item, Anomaly) for item in walked[:ahead])
        assert found <= MAX_AHEAD


@given(pattern=PATTERNS, gone=PATTERNS, limit=LIMITS)
def test_what_is_live_is_counted_by_its_links(pattern, gone, limit):
    """What is there has changed since it was counted: from one pattern to the other."""
    items, read = items_of(pattern), []

    def walk():
        for item in items:
            if not isinstance(item, Anomaly):
                read.append(item)
            yield item

    window = CountingWindow(walk(), limit, iter(items_of(gone)))
    assert read == []  # entries wait for their turn
    given = list(window)
    entries = [item for item in items if not isinstance(item, Anomaly)]
    assert [item for item in given if not isinstance(item, Anomaly)] == entries[:limit]
    assert len(read) <= limit + 1
    linked = sum(not is_anomaly for is_anomaly in gone)
    if len(entries) <= limit:
        assert window.total == window.shown == len(entries)
    elif linked < limit + module.MAX_BEYOND:
        assert window.total == max(linked, limit + 1)
    else:
        assert window.total is None
    told = [item.message for item in given if isinstance(item, Anomaly)]
    assert len(told) == len(set(told))


# The same, of lists in memory


@pytest.fixture
def world():
    world = World()
    world.struct("item", [("id", "u32"), ("link", "struct list_head")])
    world.struct("root", [("items", "struct list_head")], {"items": "item:link"})
    return world


def list_of(world, count, damaged=None):
    """Return a struct that holds a list of `count` items; entry `damaged` leads nowhere."""
    root = world.new("root")
    items = [world.new("item", id=at + 1) for at in range(count)]
    links = [item + world.offset("item.link") for item in items]
    world.link_list(root + world.offset("root.items"), links)
    if damaged is not None:
        world.point(links[damaged], 0xDEAD_0000)
    return world.kernel().value("struct root", root)


def events_of(value, limit):
    return list(traverse(value, Limits(elements=limit)))


@pytest.mark.parametrize("limit", [64, 65, 100, 163, 164, 1000])
@pytest.mark.parametrize("count", [63, 64, 65, 100, 163])
def test_a_container_that_was_shown_to_its_end_is_counted(world, count, limit):
    events = events_of(list_of(world, count), limit)
    (close,) = (event for event in events if isinstance(event, Close))
    assert (close.shown, close.total) == (min(count, limit), count)
    (opened,) = (event for event in events if isinstance(event, Open))
    assert opened.count in (None, count)


@pytest.mark.parametrize("format_", ["text", "tree"])
@pytest.mark.parametrize(
    ("limit", "told"), [(1000, "163 in all"), (100, "63 more of 163 (--elements)")]
)
def test_the_end_tells_the_number_that_the_heading_could_not(world, limit, told, format_):
    value = list_of(world, 163)
    shown = "".join(value._context_.dump(value, format_, Limits(elements=limit)))
    assert "many x" in shown
    assert told in shown
    shown = "".join(value._context_.dump(value, format_, Limits(elements=10)))
    assert "163 x" in shown
    assert "153 more (--elements)" in shown
    few = list_of(world, 5)
    assert "in all" not in "".join(value._context_.dump(few, format_))


@pytest.mark.parametrize("limit", [10, 64, 100, 119, 120, 121, 149, 150, 200])
def test_damage_is_told_wherever_the_window_ends(world, limit):
    """Entry 120 of 150 is damaged: the list is walked on from its other end."""
    value = list_of(world, 150, damaged=120)
    everything = events_of(value, 1000)
    notes = [event.text for event in everything if isinstance(event, Note)]
    assert len(notes) == 2
    total = sum(isinstance(event, Enter) for event in everything) - 1
    events = events_of(value, limit)
    assert len([event for event in events if isinstance(event, Note)]) == 2
    (close,) = (event for event in events if isinstance(event, Close))
    assert (close.shown, close.total) == (min(limit, total), total)
