"""Print any kernel object, opaque containers included, from BTF alone.

Open a kernel with `open_core()`, `open_live()` or `open_qemu()`; look into it by `Kernel` and
`Value`; print what is there with `Kernel.dump()`. Types alone are read with `open_btf()`.

What `__all__` names is the public API. Each name is loaded when it is first used: importing this
package loads neither drgn, rich nor elftools.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from btfdump.annotate.facts import Expansion
    from btfdump.api.btffile import open_btf
    from btfdump.api.kernel import Kernel, open_core, open_live, open_qemu
    from btfdump.bpf.maps.elements import Element
    from btfdump.bpf.maps.map_value import MapValue
    from btfdump.btf import Btf, BtfBuilder, declare, essential_name, spell, types
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
    from btfdump.graph.events import Close, Enter, Exit, Number, Open, Seen
    from btfdump.graph.limits import Limits
    from btfdump.graph.traverse import traverse
    from btfdump.kernel.notes import Note
    from btfdump.kernel.value import Value
    from btfdump.render.show.snprintf import snprintf_btf
    from btfdump.targets.buffer import BufferTarget
    from btfdump.targets.memory import Memory, Platform, Target
    from btfdump.walk import Anomaly, ValueEntry

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
        "Anomaly": "walk",
        "Btf": "btf.reader",
        "BtfBuilder": "btf.builder",
        "BufferTarget": "targets.buffer",
        "Close": "graph.events",
        "Element": "bpf.maps.elements",
        "Enter": "graph.events",
        "Exit": "graph.events",
        "Expansion": "annotate.facts",
        "Kernel": "api.kernel",
        "Limits": "graph.limits",
        "MapValue": "bpf.maps.map_value",
        "Memory": "targets.memory",
        "Note": "kernel.notes",
        "Number": "graph.events",
        "Open": "graph.events",
        "Platform": "targets.memory",
        "Seen": "graph.events",
        "Target": "targets.memory",
        "Value": "kernel.value",
        "ValueEntry": "walk",
        "declare": "btf.names",
        "essential_name": "btf.names",
        "open_btf": "api.btffile",
        "open_core": "api.kernel",
        "open_live": "api.kernel",
        "open_qemu": "api.kernel",
        "snprintf_btf": "render.show.snprintf",
        "spell": "btf.names",
        "traverse": "graph.traverse",
        "types": "btf",
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
