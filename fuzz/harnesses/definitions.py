"""Hostile BTF written as C: a header, and definitions with what annotations say beside them."""

from __future__ import annotations

import json
import re
from random import Random
from typing import TYPE_CHECKING, ClassVar
from zlib import crc32

from btfdump._annotate.coverage import annotations_for
from btfdump._annotate.overlay import library
from btfdump._btf import Btf
from btfdump._btf.c.header import every_type, header
from btfdump._reports.chosen import DEFINED, Chosen
from btfdump._reports.definitions import Style, documents, texts
from btfdump.errors import BtfFormatError
from fuzz.harness import expect, expect_printable
from fuzz.harnesses.btf import BtfHarness

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_TEXT = 16 << 20


class DefinitionsHarness(BtfHarness):
    """An input is a blob of BTF, as for the harness `btf`."""

    name: ClassVar[str] = "definitions"

    def run(self, data: bytes) -> str:
        """Write a header of all types, or of some, and a definition of each type."""
        rng = Random(crc32(data))
        try:
            btf = Btf.from_bytes(data, check=rng.random() < 0.7)
        except BtfFormatError:
            return "refused"
        every = [number for number in range(1, len(btf)) if btf.kind(number) in DEFINED]
        some = rng.sample(every, min(3, len(every)))
        is_whole = rng.random() < 0.7
        try:
            wanted = None if is_whole else [btf.type(number) for number in some]
            written = _collect(header(btf, wanted))
        except BtfFormatError:
            outcome = "no header"
        else:
            _expect_header(written)
            outcome = "a header"
        style = Style(
            annotations_for(btf, [], library()) if rng.random() < 0.5 else None,
            cacheline=rng.choice((0, 64)),
        )
        try:
            chosen = [Chosen(type_) for type_ in every_type(btf) if type_.kind in DEFINED]
            expect_printable(_collect(texts(chosen, style)).replace("\t", ""), "a definition")
            for document in documents(chosen, style):
                json.dumps(document)
        except BtfFormatError:
            pass
        return outcome


def _collect(pieces: Iterator[str]) -> str:
    found, size = [], 0
    for piece in pieces:
        size += len(piece)
        expect(size <= _MOST_TEXT, "definitions without end")
        found.append(piece)
    return "".join(found)


def _expect_header(text: str) -> None:
    """What a compiler would stumble over at once: names that are none, braces without a partner."""
    expect_printable(text.replace("\t", ""), "a header")
    bare = re.sub(r"/\*.*?\*/|\"(?:[^\"\\]|\\.)*\"", "", text, flags=re.DOTALL)
    expect(bare.count("{") == bare.count("}"), "a brace without its partner")
    expect(bare.count("(") == bare.count(")"), "a parenthesis without its partner")
    defined = re.findall(r"^(?:struct|union|enum) (\S+) \{", text, flags=re.MULTILINE)
    expect(len(defined) == len(set(defined)), "a type is defined twice")
    for name in defined:
        expect(re.fullmatch(r"(?a:[A-Za-z_]\w*)", name), "a name that C does not have", name)
