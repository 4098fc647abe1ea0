"""`snprintf`: each root as the kernel's own bpf_snprintf_btf() prints it, and nothing it leads to.

Whatever could act on a terminal is made visible, and text that does not end its line (COMPACT) gets
a newline; the exact bytes come from `btfdump.snprintf_btf()`. Pointers are printed raw, as in a
kernel booted with no_hash_pointers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._graph.events import Enter, Open, Seen
from btfdump._graph.limits import MAX_OBJECT
from btfdump._render import Options, Root, renderer
from btfdump._render.escape import printable
from btfdump._render.show.shapes import VarShape, shapes_of
from btfdump._render.show.snprintf import snprintf_btf
from btfdump.errors import BtfFormatError, FaultError, UnprintableTypeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump._graph.events import Event
    from btfdump._kernel.value import Value


@renderer()
def render_snprintf(roots: Iterable[Root], options: Options) -> Iterator[str]:
    """What the kernel's own bpf_snprintf_btf() prints, of each root alone."""
    for root in roots:
        value, trouble = _object(iter(root.events))
        text = None
        if value is not None:
            try:
                text = _print(value, options)
            except FaultError as error:
                trouble = f"unreadable: {error.reason}"
            except (BtfFormatError, UnprintableTypeError) as error:
                trouble = f"cannot be printed: {error}"
        if text is None:
            what = f"{value.type_} at {value.address_:#x}: " if value is not None else ""
            text = f"/* ! {printable(what + trouble)} */\n"
            root.unshown()
        yield text


def _object(events: Iterator[Event]) -> tuple[Value | None, str]:
    """Return the object that a root shows, or the reason why there is none.

    The event after it is consumed too: if part of the object could not be read, it is a note, and a
    caller that counts notes has then seen it. What the object leads to is not looked at.
    """
    trouble = "nothing to show"
    for event in events:
        if isinstance(event, Enter | Open | Seen):
            next(events, None)
            return event.value, trouble
        trouble = getattr(event, "text", trouble)
    return None, trouble


def _print(value: Value, options: Options) -> str:
    """Print an object; raises `FaultError` if any byte of it is missing, as the kernel does."""
    if value.bit_size_:
        raise UnprintableTypeError("a bit field has no address")
    size = value._context_.layouts.of(value.type_).size  # that of the object may be shorter
    if size > MAX_OBJECT:
        raise UnprintableTypeError(f"{size} bytes are too large to be real")
    # Also what lies past its slab object: others say so. Elements that it does not have are zero.
    data = value._span_(0, value.size_).ljust(size, b"\0")
    btf = value.type_.btf
    shapes = shapes_of(btf)
    shape = shapes.of(btf, value.type_.id)
    if isinstance(shape, VarShape):  # has no size, and is shown as what it is of
        shape = shapes.of(btf, shape.target_id)
    needed = shape.size
    if needed is not None and needed > len(data):  # a variable: here it is opaque
        raise UnprintableTypeError(f"the kernel takes it for {needed} bytes, not {len(data)}")
    raw = snprintf_btf(
        btf,
        value.type_.id,
        data,
        compact=options.compact,
        noname=options.noname,
        ptr_raw=options.ptr_raw,
        zero=options.zero,
    )
    text = "\n".join(map(printable, raw.decode("latin-1").split("\n")))
    return text if text.endswith("\n") else text + "\n"
