"""JSON for `diff`: whatever a document holds, the comparison ends and says what differs."""

from __future__ import annotations

import json
import math
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar

from fuzz.harness import Harness, command, expect, expect_printable
from fuzz.mutation import HOSTILE, mutate
from fuzz.samples import room

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

_VALUES: tuple[Any, ...] = (
    None, True, 0, 1, -1, 1.5, math.nan, math.inf, 10**400, "", "x", "0x10", [], {}, [1], [[]],
    [{}], {"a": 1}, {"value": [1]}, {"pointer": {}}, {"type": 1}, {"elements": [{}]},
    {"enum": [1]}, {"symbol": {"a": [1]}}, {"flags": ["a"]}, *HOSTILE,
)  # fmt: skip
_KEYS = (
    "members", "elements", "summary", "address", "type", "name", "notes", "roots", "rows", "first",
    "at", "target", "value", "pointer", "id", "pid", "count", "shown", "provenance", "next",
    "label", "key", "range", "bucket", "index",
)  # fmt: skip
_STATUSES = (0, 1, 2)


class DocumentsHarness(Harness):
    """An input is a document; it is compared with each of the corpus that it is like."""

    name: ClassVar[str] = "documents"

    def prepare(self) -> None:
        """Write the documents that others are compared with."""
        self._sound = []
        for number, data in enumerate(self.corpus()):
            file = room() / f"sound-{number}"
            file.write_bytes(data)
            self._sound.append(file)
        self._file = room() / "document"

    def generate(self, rng: Random, corpus: Sequence[bytes]) -> bytes:
        """Return a document of the corpus with other values in it, or other bytes."""
        data = rng.choice(corpus)
        if rng.random() < 0.1:
            return mutate(rng, data, others=corpus)
        if rng.random() < 0.01:
            depth = rng.choice((100, 3000, 100_000))
            return b'{"roots": [{"type": "x", "members": {"a": ' + b'{"members": {"a": ' * depth
        document = json.loads(rng.choice(data.splitlines()) if data[:2] == b'{"' else data)
        for _ in range(rng.choice((1, 1, 2, 5))):
            holder, key = rng.choice(list(_places(document)))
            what = rng.random()
            if what < 0.6:
                holder[key] = deepcopy(rng.choice(_VALUES))  # or one would come to hold itself
            elif what < 0.8 and isinstance(holder, dict):
                holder[rng.choice(_KEYS)] = deepcopy(rng.choice(_VALUES))
            else:
                del holder[key]
            if not list(_places(document)):
                break
        return json.dumps(document).encode()

    def run(self, data: bytes) -> str:
        """Compare it with itself and with another, both ways."""
        self._file.write_bytes(data)
        here = str(self._file)
        other = str(self._sound[len(data) % len(self._sound)])
        status, out, errors = self._diff(here, here)
        if status == 2:
            expect(errors, "refused without a word")
            return "refused"
        has_nan = b"NaN" in data  # which is not equal to itself
        expect(has_nan or status == 0, "it differs from itself", out[:500])
        there, _, _ = self._diff(here, other)
        back, _, _ = self._diff(other, here)
        expect(there == back, "it depends on which is the first", (there, back))
        return "compared"

    def _diff(self, before: str, after: str) -> tuple[int, str, str]:
        status, out, errors = command(["diff", before, after])
        expect(status in _STATUSES, "exit status", status)
        expect("Traceback" not in errors, "a traceback", errors)
        expect_printable(out, "stdout")
        expect_printable(errors, "stderr")
        return status, out, errors


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every (holder, key) in a document."""
    work = [document]
    while work:
        holder = work.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            yield holder, key
            if isinstance(holder[key], dict | list):
                work.append(holder[key])
