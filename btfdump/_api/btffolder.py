"""The BTF of a kernel and of its modules in a folder, as in /sys/kernel/btf."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from btfdump._api.btffile import open_btf
from btfdump._btf.unparsed import Unparsed, naming
from btfdump.errors import BtfFormatError, TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from btfdump._btf.reader import Btf

_VMLINUX = "vmlinux"


class BtfFolder:
    """A folder with a file `vmlinux` and one for each module: BTF, or ELF files with a `.BTF`.

    A module's name is that of its file up to the first dot. There may be thousands: each is parsed
    when its turn comes, and not kept. `complain` is told of files that cannot be read. Raises what
    `open_btf()` raises of `vmlinux`.
    """

    def __init__(
        self, path: str | Path, complain: Callable[[str], None] = lambda problem: None
    ) -> None:
        self.path = Path(path)
        self._complain = complain
        self._parsed: dict[Unparsed, Btf] = {}
        self._naming: dict[str, Sequence[Btf]] = {}
        kernel = self.path / _VMLINUX
        if not kernel.exists():
            raise TargetError(
                f"{self.path}: has no file {_VMLINUX}; expected a folder with the BTF of a kernel "
                "and of its modules, such as /sys/kernel/btf"
            )
        self.btf = open_btf(kernel)

    @cached_property
    def _blobs(self) -> tuple[Unparsed, ...]:
        from btfdump._targets.elf import read_btf

        found = []
        for file in sorted(self.path.iterdir()):
            if file.name == _VMLINUX or file.name.startswith(".") or not file.is_file():
                continue
            try:
                data = read_btf(file)
                if data.base is None:  # a module from elsewhere has a base of its own
                    found.append(Unparsed(data.btf, self.btf, file.name.partition(".")[0]))
            except (TargetError, BtfFormatError) as error:
                self._complain(f"{file}: {error}; passed over")
        return tuple(found)

    def __len__(self) -> int:
        """Return the number of modules."""
        return len(self._blobs)

    def __iter__(self) -> Iterator[Btf]:
        """Yield the BTF of each module, by name."""
        for blob in self._blobs:
            btf = self._parsed.get(blob) or self._parse(blob)
            if btf is not None:
                yield btf

    def naming(self, name: str) -> Sequence[Btf]:
        """Return the BTF of those modules in which a type may be called `name`; they are kept."""
        found = self._naming.get(name)
        if found is None:
            btfs = []
            for blob in naming(self._blobs, name):
                btf = self._parsed.get(blob) or self._parse(blob)
                if btf is not None:
                    self._parsed[blob] = btf
                    btfs.append(btf)
            found = self._naming[name] = tuple(btfs)
        return found

    def _parse(self, blob: Unparsed) -> Btf | None:
        try:
            return blob.parse(check=True)
        except BtfFormatError as error:
            self._complain(f"{blob.name}: {error}; passed over")
            return None
