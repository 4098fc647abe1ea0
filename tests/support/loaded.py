"""Small kernels with modules loaded: the BTF of each lies in the kernel's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from btfdump._annotate.annotations import Annotations
from btfdump._annotate.overlay import Overlay
from btfdump._btf import BtfBuilder
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from btfdump._api.kernel import Kernel

ROOM = 1 << 14
"""Bytes that a module's BTF may have."""
Members: TypeAlias = "Sequence[tuple[str, str]]"


class LoadedWorld(World):
    """A world with room for modules: `load()` them once its kernel is open."""

    def __init__(self, modules: int = 3) -> None:
        super().__init__()
        self.struct(
            "btf",
            [
                ("name", "char[56]"),
                ("data", "void *"),
                ("data_size", "u32"),
                ("start_id", "u32"),
                ("base_btf", "struct btf *"),
                ("id", "u32"),
                ("kernel_btf", "bool"),
            ],
        )
        self.struct(
            "btf_module",
            [("list", "struct list_head"), ("btf", "struct btf *"), ("users", "struct list_head")],
        )
        self.struct("ints", [("n", "int")])  # so that there is an int
        self.base = self.new("btf", name=b"vmlinux", kernel_btf=1)
        self.symbols["btf_modules"] = self.list = self.room(16)
        self.link_list(self.list, [])
        self._free = [
            (self.new("btf_module"), self.new("btf"), self.room(ROOM)) for _ in range(modules)
        ]
        self._links: list[int] = []

    def open(self, library: str = "", overlays: Iterable[Overlay] = ()) -> Kernel:
        """Open the kernel, with other lines in place of the library's, apart from `btf_modules`."""
        kernel = self.kernel(overlays)
        own = '[global]\nbtf_modules = { type = "struct list_head", tag = "btf_module:list" }\n'
        kernel.annotations = Annotations(
            tuple(overlays), Overlay(own + library, "library"), kernel.lookup
        )
        return kernel

    def builder(self, kernel: Kernel) -> BtfBuilder:
        """Return what builds a module's BTF."""
        return BtfBuilder(self.byteorder, kernel.btf)

    def define(self, builder: BtfBuilder, kernel: Kernel, name: str, members: Members) -> int:
        """Define a struct of a module with members of types that vmlinux has; return its id."""
        at = 0
        fields = []
        for label, spelled in members:
            type_ = kernel.own_type(spelled.removesuffix(" *"))
            is_pointer = spelled.endswith("*")
            fields.append((label, builder.ptr(type_.id) if is_pointer else type_.id, at * 8))
            at += 8 if is_pointer else max(kernel.btf.sizeof(type_), 8)
        self._fields[name] = [
            (label, spelled, offset, 0)
            for (label, spelled), (_, _, offset) in zip(members, fields, strict=True)
        ]
        return builder.struct(name, at, fields)

    def load(self, kernel: Kernel, name: str, builder: BtfBuilder | bytes) -> None:
        """Load a module: put its BTF into memory and on the kernel's list."""
        module, btf, room = self._free.pop(0)
        blob = builder if isinstance(builder, bytes) else builder.build()
        assert len(blob) <= ROOM
        self.write(room, blob)
        self.write(btf, name.encode().ljust(56, b"\0"))
        for member, value in {
            "data": room,
            "data_size": len(blob),
            "start_id": len(kernel.btf),
            "base_btf": self.base,
            "kernel_btf": 1,
        }.items():
            self.set(btf, f"btf.{member}", value)
        self.point(module + self.offset("btf_module.btf"), btf)
        self._links.append(module)
        self.link_list(self.list, self._links)
