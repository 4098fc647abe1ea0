"""BTF that the kernel holds in its memory: of modules, and of BPF programs and maps.

A program's loader hands the kernel the BTF of the program; `struct btf` (kernel/bpf/btf.c) keeps
the blob in `data`. Nothing but that blob says what the bytes in a map mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.errors import BtfdumpError, CorruptDataError, ObjectNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._btf.reader import Btf
    from btfdump._btf.unparsed import Unparsed
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

MAX_BTF = 1 << 27
"""Bytes of the largest blob that is believed; the kernel itself takes 16 MiB from programs."""
_MAX_BASES = 4  # BTF is split on vmlinux's, or a module's; never deeper


class KernelBtfs:
    """The `struct btf` objects of one kernel, each parsed once; errors are remembered as well."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._blobs: dict[int, Unparsed] = {}
        self._parsed: dict[int, Btf | BtfdumpError] = {}
        self._by_id: dict[int, Btf] = {}

    def objects(self) -> Iterator[Value]:
        """Yield every `struct btf` in the kernel's `btf_idr`, by id; that of vmlinux is the first.

        Raises what `registered()` raises.
        """
        from btfdump._bpf.registry import registered

        return registered(self._context, "btf_idr", "struct btf")

    def by_id(self, btf_id: int) -> Btf:
        """Return the BTF with that id, as `bpftool btf list` numbers it.

        Raises `ObjectNotFoundError` if there is none, and what `of()` raises.
        """
        known = self._by_id.get(btf_id)
        if known is not None:
            return known
        count = 0
        for value in self.objects():
            count += 1
            if int(value.id) == btf_id:
                found = self._by_id[btf_id] = self.of(value)
                return found
        raise ObjectNotFoundError(f"no BTF has id {btf_id} among the {count} found")

    def of(self, value: Value) -> Btf:
        """Return the types in the `struct btf` that `value` is or points to.

        Raises `FaultError` if it cannot be read, `BtfFormatError` if it is malformed, and
        `CorruptDataError` if what the kernel says about it does not fit what is there.
        """
        return self._at(value, 0)

    def unparsed(self, value: Value) -> Unparsed:
        """Return the bytes of the `struct btf` of a module that `value` is or points to.

        Raises what `of()` raises, but for what is malformed beyond the header.
        """
        address = _address(value)
        if address not in self._blobs:
            self._blobs[address] = self._read(value.deref_() if value.is_pointer_ else value, 0)
        return self._blobs[address]

    def _at(self, value: Value, nesting: int) -> Btf:
        address = _address(value)
        found = self._parsed.get(address)
        if found is None:
            try:
                found = self._parse(value.deref_() if value.is_pointer_ else value, nesting)
            except BtfdumpError as error:
                found = error
            self._parsed[address] = found
        if isinstance(found, BtfdumpError):
            raise found
        return found

    def _parse(self, value: Value, nesting: int) -> Btf:
        """Parse one `struct btf`; split on its base, if it has one."""
        value.read_()
        is_of_kernel = _is_set(value, "kernel_btf")
        if is_of_kernel and not _is_set(value, "base_btf"):
            return self._context.btf  # vmlinux's, or what the user gave in its place
        # A module's BTF is trusted as vmlinux's is: each record is checked when it is used.
        blob = self._blobs.pop(value.address_, None) or self._read(value, nesting)
        return blob.parse(check=not is_of_kernel)

    def _read(self, value: Value, nesting: int) -> Unparsed:
        """Read the bytes of one `struct btf` that is not vmlinux's, and find its base."""
        from btfdump._btf.unparsed import Unparsed

        value.read_()
        has_base = _is_set(value, "base_btf")
        label = self._label(value)
        if nesting >= _MAX_BASES:
            raise CorruptDataError(
                f"{label}: split on more than {_MAX_BASES} others", value.address_
            )
        base = self._at(value.base_btf, nesting + 1) if has_base else None
        if base is not None and int(value.start_id) != len(base):
            raise CorruptDataError(
                f"{label} goes on from type {int(value.start_id)}, its base has {len(base)}",
                value.address_,
            )
        size = int(value.data_size)
        if not 0 < size <= MAX_BTF:
            raise CorruptDataError(f"{label}: {size} bytes is no size of a BTF", value.address_)
        is_of_kernel = _is_set(value, "kernel_btf")
        found = self._context.target.module_btf(label) if is_of_kernel else None
        data = found if found is not None else self._context.target.read(int(value.data), size)
        return Unparsed(data, base, label)

    @staticmethod
    def _label(value: Value) -> str:
        """Name a BTF: a module by its own name, a program's by its id."""
        name = value.member_("name").string_() if value.has_member_("name") else ""
        return name or f"BTF {int(value.id)}"


def _address(value: Value) -> int:
    """Return the virtual address of the `struct btf` that a value is or points to."""
    return int(value) if value.is_pointer_ else value.address_


def _is_set(btf: Value, name: str) -> bool:
    """Whether a member of a `struct btf` is set; those of the kernel's own came with 5.11."""
    return btf.has_member_(name) and bool(btf.member_(name))
