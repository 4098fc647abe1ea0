"""Malformed BTF: refused with a reason, or harmless; never anything but our own errors."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btfdump._btf import Btf, BtfBuilder
from tests.support.btf_blobs import blob, try_to_use

if TYPE_CHECKING:
    from collections.abc import Callable


def test_verdicts(case: Callable[[str], bytes]) -> None:
    with tarfile.open(fileobj=io.BytesIO(case("malformed.tar.zst"))) as archive:
        files = {
            member.name.rpartition("/")[2]: file.read()
            for member in archive
            if (file := archive.extractfile(member))
        }
    verdicts: list[dict[str, Any]] = list(map(json.loads, files["verdicts.jsonl"].splitlines()))
    assert len(verdicts) > 200
    wrong = []
    for verdict in verdicts:
        btf = try_to_use(files[verdict["file"]])
        if verdict["kernel_6_12_errno"] == 0 and btf is None:
            wrong.append(f"{verdict['file']}: the kernel accepts it")
        if verdict["libbpf_1_8_errno"] != 0 and btf is not None:
            wrong.append(f"{verdict['file']}: libbpf refuses it")
        if btf is not None:
            assert len(btf) == verdict["libbpf_types"] + 1
            assert len(Btf.from_bytes(BtfBuilder.from_btf(btf).build())) == len(btf)
    assert not wrong


# Chance


words = st.sampled_from([0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 1 << 24, 1 << 31]) | st.integers(0, 80)


edits = st.one_of(
    st.tuples(st.just("byte"), st.integers(0, 2000), st.integers(0, 255)),
    st.tuples(st.just("word"), st.integers(0, 500), words),
    st.tuples(st.just("cut"), st.integers(0, 2000), st.just(0)),
    st.tuples(st.just("insert"), st.integers(0, 2000), st.integers(1, 5)),
)


def edited(blob: bytes, edit: tuple[str, int, int], byteorder: Any) -> bytes:
    what, at, value = edit
    if what == "word":
        at = at * 4 % len(blob)
        return blob[:at] + value.to_bytes(4, byteorder) + blob[at + 4 :]
    at %= len(blob)
    if what == "byte":
        return blob[:at] + bytes((value,)) + blob[at + 1 :]
    if what == "cut":
        return blob[: at + 1]
    return blob[:at] + bytes(value) + blob[at:]


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_mutations(everything: Callable[..., BtfBuilder], byteorder: Any, split: bool) -> None:
    base = everything(byteorder).parse() if split else None
    sound = everything(byteorder, base).build()
    accepted = 0

    @settings(max_examples=150, database=None)
    @given(st.lists(edits, min_size=1, max_size=4))
    def mutate(changes: list[tuple[str, int, int]]) -> None:
        nonlocal accepted
        blob = sound
        for edit in changes:
            blob = edited(blob, edit, byteorder)
        accepted += try_to_use(blob, base) is not None

    mutate()
    assert accepted  # or the mutations are too wild to reach anything but the header


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_noise(data: bytes) -> None:
    try_to_use(data)
    try_to_use(blob(types=data[: len(data) & ~3]))
