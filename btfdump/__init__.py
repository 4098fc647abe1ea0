"""Print any kernel object, opaque containers included, from BTF alone.

Open a kernel with `open_core()`, `open_live()` or `open_qemu()`; look into it by `Kernel` and
`Value`; print what is there with `Kernel.dump()`. Types alone are read with `open_btf()`.

Another package can bring walkers, formats, roots, tables, families of BPF maps and commands: see
docs/extending.md.

What `__all__` names is the public API. Each name is loaded when it is first used: importing this
package loads neither drgn, rich nor elftools.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from btfdump._annotate.facts import Expansion
    from btfdump._api.btffile import open_btf
    from btfdump._api.kernel import Kernel
    from btfdump._api.opening import open_core, open_live, open_qemu
    from btfdump._bpf.maps import map_family
    from btfdump._bpf.maps.elements import Element, Keys
    from btfdump._bpf.maps.map_value import MapValue
    from btfdump._btf import Btf, BtfBuilder, declare, essential_name, spell, types
    from btfdump._cli.commands import command
    from btfdump._decode.fields import Field
    from btfdump._graph.events import (
        Close,
        Enter,
        Event,
        Exit,
        GroupKind,
        MapKey,
        Number,
        Open,
        Seen,
    )
    from btfdump._graph.limits import Limits
    from btfdump._graph.traverse import traverse
    from btfdump._kernel.notes import Note
    from btfdump._kernel.value import Value
    from btfdump._render import Options, Root, renderer
    from btfdump._render.escape import printable
    from btfdump._render.show.snprintf import snprintf_btf
    from btfdump._roots import Query, Selected, root, table_root
    from btfdump._roots.table import Table
    from btfdump._tables.functions import column, objects
    from btfdump._targets.buffer import BufferTarget
    from btfdump._targets.memory import Memory, Platform, Target
    from btfdump._walk import Anomaly, Entry, Head, ValueEntry, walker, walker_of
    from btfdump.errors import (
        AmbiguousSymbolError,
        AmbiguousTypeError,
        AnnotationError,
        BtfdumpError,
        BtfFormatError,
        CorruptDataError,
        ExpressionError,
        FaultError,
        MemberNotFoundError,
        MissingDataError,
        ObjectNotFoundError,
        PluginError,
        SymbolNotFoundError,
        TargetError,
        TypeNotFoundError,
        UnknownTypeError,
        UnprintableTypeError,
        UnusableBtfError,
    )

__version__ = "0.1.0"

__all__ = [
    "AmbiguousSymbolError",
    "AmbiguousTypeError",
    "AnnotationError",
    "Anomaly",
    "Btf",
    "BtfBuilder",
    "BtfFormatError",
    "BtfdumpError",
    "BufferTarget",
    "Close",
    "CorruptDataError",
    "Element",
    "Enter",
    "Entry",
    "Event",
    "Exit",
    "Expansion",
    "ExpressionError",
    "FaultError",
    "Field",
    "GroupKind",
    "Head",
    "Kernel",
    "Keys",
    "Limits",
    "MapKey",
    "MapValue",
    "MemberNotFoundError",
    "Memory",
    "MissingDataError",
    "Note",
    "Number",
    "ObjectNotFoundError",
    "Open",
    "Options",
    "Platform",
    "PluginError",
    "Query",
    "Root",
    "Seen",
    "Selected",
    "SymbolNotFoundError",
    "Table",
    "Target",
    "TargetError",
    "TypeNotFoundError",
    "UnknownTypeError",
    "UnprintableTypeError",
    "UnusableBtfError",
    "Value",
    "ValueEntry",
    "column",
    "command",
    "declare",
    "essential_name",
    "map_family",
    "objects",
    "open_btf",
    "open_core",
    "open_live",
    "open_qemu",
    "printable",
    "renderer",
    "root",
    "snprintf_btf",
    "spell",
    "table_root",
    "traverse",
    "types",
    "walker",
    "walker_of",
]

if not TYPE_CHECKING:  # a type checker sees the imports above, and so what does not exist
    _HOMES = {
        "Anomaly": "_walk",
        "Btf": "_btf.reader",
        "BtfBuilder": "_btf.builder",
        "BufferTarget": "_targets.buffer",
        "Close": "_graph.events",
        "Element": "_bpf.maps.elements",
        "Enter": "_graph.events",
        "Event": "_graph.events",
        "Entry": "_walk",
        "Exit": "_graph.events",
        "Field": "_decode.fields",
        "GroupKind": "_graph.events",
        "Expansion": "_annotate.facts",
        "Head": "_walk",
        "Kernel": "_api.kernel",
        "Keys": "_bpf.maps.elements",
        "Limits": "_graph.limits",
        "MapKey": "_graph.events",
        "MapValue": "_bpf.maps.map_value",
        "Memory": "_targets.memory",
        "Note": "_kernel.notes",
        "Number": "_graph.events",
        "Open": "_graph.events",
        "Options": "_render",
        "Platform": "_targets.memory",
        "Query": "_roots",
        "Root": "_render",
        "Seen": "_graph.events",
        "Selected": "_roots",
        "Table": "_roots.table",
        "Target": "_targets.memory",
        "Value": "_kernel.value",
        "ValueEntry": "_walk",
        "column": "_tables.functions",
        "command": "_cli.commands",
        "declare": "_btf.names",
        "essential_name": "_btf.names",
        "map_family": "_bpf.maps",
        "objects": "_tables.functions",
        "open_btf": "_api.btffile",
        "open_core": "_api.opening",
        "open_live": "_api.opening",
        "open_qemu": "_api.opening",
        "printable": "_render.escape",
        "renderer": "_render",
        "root": "_roots",
        "snprintf_btf": "_render.show.snprintf",
        "spell": "_btf.names",
        "table_root": "_roots",
        "traverse": "_graph.traverse",
        "types": "_btf",
        "walker": "_walk",
        "walker_of": "_walk",
    }

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        home = importlib.import_module(f"{__name__}.{_HOMES.get(name, 'errors')}")
        value = globals()[name] = getattr(home, name)
        return value

    def __dir__() -> list[str]:
        return [*__all__, "__version__"]
