"""Texts of members by their bytes: kept, unless they depend on memory that changes."""

from __future__ import annotations

from btfdump._render.remembered import MAX_KNOWN, WholeTexts


def test_texts_are_made_once_if_they_last() -> None:
    made: list[bytes] = []

    def write(data: bytes) -> str:
        made.append(data)
        return data.hex()

    lasting = WholeTexts(write, is_lasting=True)
    assert [lasting[b"\1"], lasting[b"\1"]] == ["01", "01"]
    assert made == [b"\1"]
    passing = WholeTexts(write, is_lasting=False)
    assert [passing[b"\2"], passing[b"\2"]] == ["02", "02"]
    assert made == [b"\1", b"\2", b"\2"]


def test_no_more_are_kept_than_so_many() -> None:
    texts = WholeTexts(bytes.hex, is_lasting=True)
    for number in range(MAX_KNOWN + 10):
        texts[number.to_bytes(4, "little")]
    assert len(texts) == MAX_KNOWN
