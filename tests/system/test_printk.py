"""The log: against what DWARF told of it, and rings made by hand."""

from __future__ import annotations

import pytest

from btfdump._system.printk import Record, read_log
from btfdump.errors import CorruptDataError
from tests.support.patched import PatchedKernel


def texts(kernel):
    """Return the records' texts, with notes as they came."""
    return [one.text for one in read_log(kernel)]


def records(kernel):
    """Return the records without the notes."""
    return [one for one in read_log(kernel) if isinstance(one, Record)]


def test_every_record_is_the_one_that_dwarf_finds(opened, truth):
    found = list(read_log(opened("stock")))
    known = truth("stock", "-3")["log"]
    assert len(found) == len(known) == 360
    for record, told in zip(found, known, strict=True):
        assert isinstance(record, Record)
        assert (record.seq, record.time, record.text) == (told["seq"], told["ts"], told["text"])
        assert (record.level, record.facility) == (told["level"], told["facility"])
        # There, the idle task is None.
        assert record.caller == f"T{told['caller'].replace('None', '0')}"
        assert record.is_complete


@pytest.mark.parametrize(
    ("name", "count", "first", "last"),
    [
        (
            "tagged",
            256,
            "Linux version 6.12.117-btftags",
            "clocksource: Switched to clocksource tsc",
        ),
        ("stock-7.3", 370, "Linux version 7.3.4", "NOTICE: Automounting of tracing"),
        ("s390x", 140, "Linux version 6.12.95", "    TERM=linux"),
    ],
)
def test_other_kernels(opened, name, count, first, last):
    found = texts(opened(name))
    assert len(found) == count
    assert found[0].startswith(first)
    assert found[-1].startswith(last)


def test_who_logged_and_for_what(opened):
    """What drivers say of their device, and since 6.18 the name of the task."""
    found = records(opened("stock-7.3"))
    assert found[-1].comm == "bpfload"
    (one, *_) = (record for record in found if record.device)
    assert (one.subsystem, one.device[0]) == ("acpi", "+")


def test_no_records(log_world):
    log_world.say(b"", "reusable")
    assert texts(log_world.kernel()) == []


def test_records_wrap_around_the_rings(log_world):
    """Ids and positions overflow, texts that find no room at the end go to the start."""
    for number in range(21):
        log_world.say(b"message %d" % number + b"." * 40)
    log_world.mark("tail_id", (log_world.next_id - 3) & (1 << log_world.bits) - 1)
    found = records(log_world.kernel())
    assert [one.text for one in found] == [f"message {n}{'.' * 40}" for n in range(17, 21)]
    assert [one.seq for one in found] == [17, 18, 19, 20]
    assert found[0].time == 17 * 1_500_000_000
    assert {one.caller for one in found} == {"T1"}


def test_a_text_that_just_fits_does_not_wrap(log_world):
    word = log_world.pointer_size
    log_world.say(b"x" * (log_world.SIZE - word))
    assert texts(log_world.kernel()) == ["x" * (log_world.SIZE - word)]


def test_states_of_records(log_world):
    log_world.say(b"done", caller_id=1 << 31 | 3)
    log_world.say(b"", lpos=3)
    log_world.say(b"no room", lpos=1)
    log_world.say(b"half", "reserved")
    log_world.say(b"to be cont", "committed")
    kernel = log_world.kernel()
    assert texts(kernel) == [
        "done",
        "",
        None,
        "log: record 2: there was no room for its text",
        "log: a record was being written, and its text is not there yet",
        "to be cont",
    ]
    found = records(kernel)
    assert found[0].caller == "C3"
    assert [one.is_complete for one in found] == [True] * 3 + [False]


def test_what_was_lost_is_told(log_world):
    log_world.say(b"a")
    log_world.set(log_world.ring, "printk_ringbuffer.fail.counter", 1234)
    assert texts(log_world.kernel())[1:] == [
        "log: 1,234 messages were lost: there was no room for them"
    ]


def test_records_that_others_have_overwritten(log_world):
    first = log_world.say(b"first")
    second = log_world.say(b"second")
    third = log_world.say(b"third")
    log_world.set(log_world.desc(first), "prb_desc.state_var.counter", 5)
    begin = log_world.data + (16 if log_world.pointer_size == 8 else 12)  # of the second
    log_world.write(begin, log_world.pack(third))
    log_world.set(log_world.desc(third), "prb_desc.text_blk_lpos.next", 0x1000)
    one, two, why, three, other = texts(log_world.kernel())
    assert one.startswith("log: a record is missing: descriptor 0 is of record id 0x5, not ")
    assert two is None
    assert f"record 1: its text is of another record, id {third:#x}" in why
    assert three is None
    assert "record 2: its text is said to be from" in other
    assert second != third


def test_a_text_longer_than_its_block(log_world):
    log_world.say(b"word", text_len=4096)
    text, note = texts(log_world.kernel())
    assert text.startswith("word")
    assert note.startswith("log: record 0: 4096 bytes of text are said to be in ")


def test_bytes_that_are_no_text(log_world):
    log_world.say(b"a\xff\x1b[31m\n\tb")
    assert texts(log_world.kernel()) == ["a\\xff\x1b[31m\n\tb"]


def test_a_ring_that_is_too_large_to_be_one(log_world):
    log_world.say(b"a")
    log_world.set(log_world.ring, "printk_ringbuffer.desc_ring.count_bits", 60)
    with pytest.raises(CorruptDataError, match=r"a ring is said to have 2\*\*60 elements"):
        texts(log_world.kernel())


def test_a_tail_that_is_no_tail(log_world):
    """No more is read than the ring has room for."""
    for _ in range(3):
        log_world.say(b"x")
    log_world.mark("tail_id", 77)
    note, *found = texts(log_world.kernel())
    assert "records are said to be in a ring of 8; shown are what" in note
    assert found.count("x") == 3
    assert len(found) <= 8


def test_pages_that_are_missing(opened):
    """Of a dump without some pages, what stands on them is told, and nothing else is lost."""
    plain = opened("tagged")
    kernel = PatchedKernel(plain)
    ring = kernel["prb"].text_data_ring
    whole = texts(plain)
    kernel.target.write(ring.data.address_, (int(ring.data) - (1 << 44)).to_bytes(8, "little"))
    assert [record.text for record in records(kernel)] == [None] * len(whole)
    assert "log: record 0: its text: cannot read" in texts(kernel)[1]


def test_on_a_live_kernel_a_record_may_be_overwritten(log_world):
    """What has changed while its text was read is not taken for a record."""
    id_ = log_world.say(b"old")
    kernel = log_world.kernel()
    target = log_world.target
    read = target.read

    def reading(address, size):
        data = read(address, size)
        if address == log_world.data:
            log_world.set(log_world.desc(id_), "prb_desc.state_var.counter", id_ + 8)
        return data

    target.is_live = True
    target.read = reading
    assert texts(kernel) == ["log: record 0 was overwritten while it was read"]
