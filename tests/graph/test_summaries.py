"""What stands for an object in one line: read once, cut, without what cannot be read."""

from __future__ import annotations

import json

import pytest

from btfdump._annotate.overlay import Overlay
from btfdump._decode.compiled.source import HOT
from btfdump._graph.summaries import Summaries, labels, shown_text
from tests.support.synthetic import CountingTarget, World


@pytest.fixture
def world() -> World:
    world = World()
    world.struct("kuid", [("val", "u32")])
    world.struct("owner", [("id", "u32")])
    world.struct(
        "job",
        [
            ("comm", "char[8]"),
            ("id", "struct kuid"),
            ("name", "char *"),
            ("owner", "struct owner *"),
        ],
    )
    return world


def jobs(world: World, count: int):
    """Return the kernel and jobs with all that their summary names."""
    name = world.room(16)
    world.write(name, b"a name\xff\0")
    owner = world.new("owner", id=7)
    made = [world.new("job", comm=b"job%d" % n, id=n, name=name, owner=owner) for n in range(count)]
    kernel = world.kernel([Overlay(OVERLAY, "overlay")])
    kernel.target = CountingTarget(kernel.target)
    return kernel, [kernel.value("struct job", address) for address in made]


OVERLAY = '[summary]\njob = ["comm", "id.val", "name", "owner.id"]\n'


def test_each_member_by_its_name(world):
    kernel, (first, second) = jobs(world, 2)
    summaries = Summaries(kernel, 256)
    assert summaries.of(first) == (
        ("comm", "job0"), ("id", 0), ("name", "a name\udcff"), ("owner.id", 7),
    )  # fmt: skip
    reads = len(kernel.target.reads)
    assert summaries.of(first) is summaries.at(first.address_, kernel.type("struct job"))
    assert len(kernel.target.reads) == reads
    assert summaries.of(second)[0] == ("comm", "job1")
    summaries.forget()
    assert summaries.of(first)[0] == ("comm", "job0")
    assert len(kernel.target.reads) > reads


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["comm", "id"], ["comm", "id"]),
        (["count.refs.counter", "val", "counter.val"], ["count", "val", "counter.val"]),
        (["near.id", "id", "far.id.val"], ["near.id", "id", "far.id.val"]),
        (["near->id", "far->id"], ["id", "far.id"]),
        (["a->id", "a.id", "id.counter"], ["a.id", "id"]),
    ],
)
def test_no_two_members_have_one_name(paths, expected):
    """In JSON they are keys of one object; the one that is nearest to the object has the name."""
    assert list(labels(paths).values()) == expected


def test_a_key_occurs_once_in_json(world):
    kernel, (job,) = jobs(world, 1)
    row = "".join(kernel.dump(job, "jsonl"))
    pairs = json.loads(row, object_pairs_hook=list)
    summary = dict(pairs)["summary"]
    assert [key for key, _ in summary] == ["comm", "id", "name", "owner.id"]


def test_compiled_code_reads_the_same(world):
    kernel, values = jobs(world, HOT + 2)
    summaries = Summaries(kernel, 256)
    assert [summaries.of(value)[:2] for value in values] == [
        (("comm", f"job{n}"), ("id", n)) for n in range(HOT + 2)
    ]


def test_what_cannot_be_read_is_left_out(world):
    kernel, (job,) = jobs(world, 1)
    world.target.unmap(int(job.name), 16)
    world.target.unmap(int(job.owner), 4)
    assert Summaries(kernel, 256).of(job) == (("comm", "job0"), ("id", 0))
    world.target.unmap(job.address_, job.size_)
    assert Summaries(kernel, 256).of(kernel.value("struct job", job.address_)) == ()


def test_types_that_have_none(world):
    kernel, (job,) = jobs(world, 1)
    summaries = Summaries(kernel, 256)
    assert summaries.of(job.owner.deref_()) == summaries.of(job.comm) == ()
    assert summaries.at(int(job.owner), kernel.type("struct owner")) == ()


def test_strings_are_cut():
    assert shown_text(b"abcdef\0gh", 6) == "abcdef"
    assert shown_text(b"abcdef\0gh", 3) == "abc..."
    assert shown_text(b"\xff\0", 3) == "\udcff"


def test_a_number_in_the_place_of_a_pointer_is_no_object(world):
    """On s390x the first page can be read: flags of a socket, 0x100, were told as a socket."""
    kernel, (job,) = jobs(world, 1)
    data = job.bytes_()

    class Lowcore:
        def read(self, address: int, size: int) -> bytes:
            return data.ljust(size, b"\0")[:size] if address < 4096 else target.read(address, size)

        def __getattr__(self, name: str):
            return getattr(target, name)

    target = kernel.target
    kernel.target = Lowcore()
    summaries = Summaries(kernel, 256)
    assert summaries.at(0x100, kernel.type("struct job")) == ()
    assert summaries.at(job.address_, kernel.type("struct job"))[0] == ("comm", "job0")
