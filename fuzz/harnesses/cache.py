"""Damaged index files: with one, a kernel's BTF answers as without, or the file is not used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from unittest.mock import patch

from btfdump._btf import Btf, BtfBuilder, cache
from btfdump.errors import BtfdumpError
from fuzz.harness import Harness, expect
from fuzz.mutation import mutate
from fuzz.samples import room

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

_PLACE = "XDG_CACHE_HOME"


class CacheHarness(Harness):
    """An input is an index file; the BTF that it claims to be of is always the same."""

    name: ClassVar[str] = "cache"

    def prepare(self) -> None:
        """Make the BTF, its true index file, and what is found without one."""
        self._folder = str(room() / "cache")
        b = BtfBuilder()
        number = b.int_("int", 4)
        for n in range(40):
            b.struct(f"s{n}", 4, [(f"m{n}", number, 0)])
        for n in range(40):
            b.typedef(f"s{n % 30}", n + 2)
        b.typedef("t", 2)
        self._btf = Btf.from_bytes(b.build())
        self._names = {t.name for t in self._btf.iter_types()} | {"nothing", "m0"}
        with patch.dict(os.environ, {_PLACE: self._folder}):
            cache.store(self._btf)
        (self._file,) = (p for p in Path(self._folder).rglob("*.index") if p.is_file())
        self._sound = self._file.read_bytes()
        self._truth = {name: _answer(self._btf, name) for name in self._names}

    def generate(self, rng: Random, corpus: Sequence[bytes]) -> bytes:
        """Return the true file changed."""
        return mutate(rng, self._sound)

    def run(self, data: bytes) -> str:
        """Load the file and ask everything that it could answer."""
        os.environ[_PLACE] = self._folder  # of this process, which is one that may be lost
        self._file.write_bytes(data)
        index = cache.load(self._btf.data)
        if index is None:
            return "not used"
        try:
            btf = Btf.from_bytes(self._btf.data, check=False, index=index)
        except BtfdumpError:
            return "refused"
        for name in self._names:
            found = _ours(lambda name=name: _answer(btf, name))  # type: ignore[misc]
            expect(found in (None, self._truth[name]), "another answer for a name", name)
        for type_id in range(1, len(self._btf)):
            type_ = self._btf.type(type_id)
            found = _ours(lambda i=type_id: (btf.type(i).kind, btf.type(i).name))  # type: ignore[misc]
            expect(found in (None, (type_.kind, type_.name)), "another type", type_id)
        return "used"


def _answer(btf: Btf, name: str) -> list[int]:
    return [type_.id for type_ in btf.find_all(None, name)]


def _ours(ask: Callable[[], object]) -> object:
    """Return an answer, or None for an error of our own."""
    try:
        return ask()
    except BtfdumpError:
        return None
