"""What a word is said of, and the meaning of what is one integer there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from btfdump._meaning import Meaning
from btfdump.errors import AnnotationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Literal

    from btfdump._meaning import Surroundings

    Text = Callable[[int], str]


Said = TypeVar("Said")


class Site(NamedTuple):
    """What a word is said of: a value of `size` bytes.

    `is_network` says that its type is in network byte order (`__be32`), `is_pointer` that it is
    one, `is_bytes` that it is an array (`is_array`), or a struct of more than one scalar. `word` is
    the size of a long in bytes. `masks(text, is_bits)` returns mask -> name of the enumerators that
    `flags:` means, or `bits:`, and `values(text)` value -> name of those that `enum:` means; both
    are empty if there are none.
    """

    size: int
    byteorder: Literal["little", "big"]
    word: int
    is_network: bool
    is_pointer: bool
    is_bytes: bool
    masks: Callable[[str, bool], Mapping[int, str]]
    values: Callable[[str], Mapping[int, str]]
    surroundings: Surroundings | None
    is_array: bool = False


def scalar(
    name: str,
    text: Text,
    site: Site,
    *,
    base: int = 10,
    names_of: Callable[[int], list[str]] | None = None,
    is_lasting: bool = True,
    known: Callable[[], Iterable[str]] | None = None,
    is_ordered: bool = False,
) -> Meaning:
    """Return the meaning of an integer, or of the only scalar of a struct.

    `text` and `names_of` are given a value in network byte order as the number that it is, unless
    they put it in order themselves.
    """
    if site.is_bytes or site.size > 8:
        raise AnnotationError(f"expected an integer, not {site.size} bytes")
    byteorder = site.byteorder
    if site.is_network and not is_ordered:
        text = _in_order(text, site)
        names_of = _in_order(names_of, site) if names_of is not None else None

    def of_bytes(data: bytes) -> str:
        return text(int.from_bytes(data, byteorder))

    return Meaning(name, text, of_bytes, names_of, base, is_lasting, known=known)


def _in_order(said: Callable[[int], Said], site: Site) -> Callable[[int], Said]:
    """Return a function of values that are in network byte order."""
    size, byteorder = site.size, site.byteorder
    return lambda value: said(int.from_bytes(value.to_bytes(size, byteorder), "big"))
