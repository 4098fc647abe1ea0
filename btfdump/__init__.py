"""Print any kernel object, opaque containers included, from BTF alone.

Importing this loads neither drgn, rich nor elftools; names are resolved when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from btfdump.api.btffile import open_btf as open_btf
    from btfdump.api.kernel import Kernel as Kernel
    from btfdump.api.kernel import open_core as open_core
    from btfdump.api.kernel import open_live as open_live
    from btfdump.api.kernel import open_qemu as open_qemu
    from btfdump.btf.builder import BtfBuilder as BtfBuilder
    from btfdump.btf.reader import Btf as Btf
    from btfdump.errors import (
        AmbiguousTypeError as AmbiguousTypeError,
    )
    from btfdump.errors import (
        AnnotationError as AnnotationError,
    )
    from btfdump.errors import (
        BtfdumpError as BtfdumpError,
    )
    from btfdump.errors import (
        BtfFormatError as BtfFormatError,
    )
    from btfdump.errors import (
        CorruptDataError as CorruptDataError,
    )
    from btfdump.errors import (
        ExpressionError as ExpressionError,
    )
    from btfdump.errors import (
        FaultError as FaultError,
    )
    from btfdump.errors import (
        MemberNotFoundError as MemberNotFoundError,
    )
    from btfdump.errors import (
        MissingDataError as MissingDataError,
    )
    from btfdump.errors import (
        ObjectNotFoundError as ObjectNotFoundError,
    )
    from btfdump.errors import (
        SymbolNotFoundError as SymbolNotFoundError,
    )
    from btfdump.errors import (
        TargetError as TargetError,
    )
    from btfdump.errors import (
        TypeNotFoundError as TypeNotFoundError,
    )
    from btfdump.errors import (
        UnprintableTypeError as UnprintableTypeError,
    )
    from btfdump.graph.limits import Limits as Limits
    from btfdump.kernel.value import Value as Value
    from btfdump.render.show.snprintf import snprintf_btf as snprintf_btf

__version__ = "0.1.0"

_HOMES = {
    "Btf": "btf.reader",
    "BtfBuilder": "btf.builder",
    "Kernel": "api.kernel",
    "Limits": "graph.limits",
    "Value": "kernel.value",
    "open_btf": "api.btffile",
    "open_core": "api.kernel",
    "open_live": "api.kernel",
    "open_qemu": "api.kernel",
    "snprintf_btf": "render.show.snprintf",
} | dict.fromkeys(
    (
        "AmbiguousTypeError",
        "AnnotationError",
        "BtfFormatError",
        "BtfdumpError",
        "CorruptDataError",
        "ExpressionError",
        "FaultError",
        "MemberNotFoundError",
        "MissingDataError",
        "ObjectNotFoundError",
        "SymbolNotFoundError",
        "TargetError",
        "TypeNotFoundError",
        "UnprintableTypeError",
    ),
    "errors",
)

__all__ = [*_HOMES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_HOMES, "__version__"])
