"""The dumps that tests make out of a sample, in other formats, hold the same."""

from __future__ import annotations

import zlib
from collections import Counter
from typing import TYPE_CHECKING

import zstandard

from btfdump._targets.flattened import FlatFile
from sample_dumps.build.kdump import PAGE_DESCRIPTOR
from tests.support import kdump_formats

if TYPE_CHECKING:
    from collections.abc import Callable


def pages(dump: bytes) -> list[tuple[int, bytes]]:
    """Return flags and content of every page, in the order of the second bitmap."""
    parts = kdump_formats.layout(dump)
    unpack: dict[int, Callable[[bytes], bytes]] = {
        0: bytes,
        1: zlib.decompress,
        0x20: zstandard.ZstdDecompressor().decompress,
    }
    return [
        (flags, unpack[flags](dump[at : at + size]))
        for at, size, flags, _ in PAGE_DESCRIPTOR.iter_unpack(dump[parts.descriptors : parts.pages])
    ]


def test_zstd(sample):
    tagged, zstd = (sample(name).read_bytes() for name in ("tagged", "zstd"))
    assert kdump_formats.layout(zstd) == kdump_formats.layout(tagged)
    ours, theirs = pages(zstd), pages(tagged)
    assert [content for _, content in ours] == [content for _, content in theirs]
    assert Counter(flags for flags, _ in ours) == {0x20: 7866, 0: 83}
    assert Counter(flags for flags, _ in theirs) == {1: 7866, 0: 83}


def test_flattened(sample):
    tagged = sample("tagged").read_bytes()
    with sample("flattened").open("rb") as file:
        assert FlatFile(file).read_at(0, len(tagged)) == tagged
    offsets = [at for at, _ in kdump_formats.records(tagged)]
    assert offsets != sorted(offsets)
