"""Print any kernel object, opaque containers included, from BTF alone.

Open a kernel with `open_core()`, `open_live()` or `open_qemu()`; look into it by `Kernel` and
`Value`; print what is there with `Kernel.dump()`. Types alone are read with `open_btf()`.

What `__all__` names is the public API. Each name is loaded when it is first used: importing this
package loads neither drgn, rich nor elftools.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from btfdump._annotate.facts import Expansion
    from btfdump._api.btffile import open_btf
    from btfdump._api.kernel import Kernel, open_core, open_live, open_qemu
    from btfdump._bpf.maps.elements import Element
    from btfdump._bpf.maps.map_value import MapValue
    from btfdump._btf import Btf, BtfBuilder, declare, essential_name, spell, types
    from btfdump._graph.events import Close, Enter, Exit, Number, Open, Seen
    from btfdump._graph.limits import Limits
    from btfdump._graph.traverse import traverse
    from btfdump._kernel.notes import Note
    from btfdump._kernel.value import Value
    from btfdump._render.show.snprintf import snprintf_btf
    from btfdump._targets.buffer import BufferTarget
    from btfdump._targets.memory import Memory, Platform, Target
    from btfdump._walk import Anomaly, ValueEntry
    from btfdump.errors import (
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
        UnprintableTypeError,
    )

__version__ = "0.1.0"

__all__ = [
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
    "Exit",
    "Expansion",
    "ExpressionError",
    "FaultError",
    "Kernel",
    "Limits",
    "MapValue",
    "MemberNotFoundError",
    "Memory",
    "MissingDataError",
    "Note",
    "Number",
    "ObjectNotFoundError",
    "Open",
    "Platform",
    "PluginError",
    "Seen",
    "SymbolNotFoundError",
    "Target",
    "TargetError",
    "TypeNotFoundError",
    "UnprintableTypeError",
    "Value",
    "ValueEntry",
    "declare",
    "essential_name",
    "open_btf",
    "open_core",
    "open_live",
    "open_qemu",
    "snprintf_btf",
    "spell",
    "traverse",
    "types",
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
        "Exit": "_graph.events",
        "Expansion": "_annotate.facts",
        "Kernel": "_api.kernel",
        "Limits": "_graph.limits",
        "MapValue": "_bpf.maps.map_value",
        "Memory": "_targets.memory",
        "Note": "_kernel.notes",
        "Number": "_graph.events",
        "Open": "_graph.events",
        "Platform": "_targets.memory",
        "Seen": "_graph.events",
        "Target": "_targets.memory",
        "Value": "_kernel.value",
        "ValueEntry": "_walk",
        "declare": "_btf.names",
        "essential_name": "_btf.names",
        "open_btf": "_api.btffile",
        "open_core": "_api.kernel",
        "open_live": "_api.kernel",
        "open_qemu": "_api.kernel",
        "snprintf_btf": "_render.show.snprintf",
        "spell": "_btf.names",
        "traverse": "_graph.traverse",
        "types": "_btf",
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
