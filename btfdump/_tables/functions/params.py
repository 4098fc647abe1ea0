"""Parameters of the kernel and of modules, and their values (kernel/params.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._kernel.pointers import read_string
from btfdump._kernel.value_at import value_at
from btfdump._kernel.variables import find_global
from btfdump._tables.functions import column, objects
from btfdump.errors import BtfdumpError, CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

_PARAMETER = "struct kernel_param"
_MOST_PARAMETERS = 1 << 16
_MOST_ELEMENTS = 1 << 10
_MAX_STRING = 1 << 10
_PREFIX = "param_ops_"
_INTEGERS: dict[str, str] = {
    "byte": "unsigned char",
    "short": "short",
    "ushort": "unsigned short",
    "int": "int",
    "uint": "unsigned int",
    "long": "long",
    "ulong": "unsigned long",
    "ullong": "unsigned long long",
    "hexint": "unsigned int",
    "bint": "int",
    "bool": "bool",
    "bool_enable_only": "bool",
    "invbool": "bool",
}
"""By the name of the kernel's operations, without `param_ops_`: the type of the variable."""


@objects(_PARAMETER)
def parameters(kernel: Context) -> Callable[[], Iterator[Value]]:
    """The parameters of what is built in, then those of modules; the key is the module's name.

    A built-in one has the name of what it belongs to before its own, and a dot.
    """

    def of() -> Iterator[Value]:
        start, stop = (kernel.own_symbol(f"__{end}___param") for end in ("start", "stop"))
        size = kernel.struct("kernel_param").size
        for address in _addresses(start, (stop - start) // size, size):
            yield value_at(kernel, _PARAMETER, address)
        for module in find_global(kernel, "modules").walk_():
            name = module.member_("name").string_()
            for address in _addresses(int(module.kp), int(module.num_kp), size):
                yield value_at(kernel, _PARAMETER, address, key=name)

    return of


def _addresses(start: int, count: int, size: int) -> range:
    if not 0 <= count <= _MOST_PARAMETERS:
        raise CorruptDataError(f"{count} parameters, expected at most {_MOST_PARAMETERS}", start)
    return range(start, start + count * size, size)


@column()
def param_module(kernel: Context) -> Callable[[str | None, str | None], str | None]:
    """What a parameter belongs to, of its key and name: a module, or what is before a dot."""
    del kernel
    return lambda key, name: key or (name.rpartition(".")[0] or None if name else None)


@column()
def param_name(kernel: Context) -> Callable[[str | None], str | None]:
    """The name of a parameter without what it belongs to."""
    del kernel
    return lambda name: name.rpartition(".")[2] if name else None


@column()
def param_type(kernel: Context) -> Callable[[Value], str | None]:
    """The type of a parameter, by its operations: int, bool, charp, ...; of an array `int[]`."""
    values = _Values(kernel)

    def of(parameter: Value) -> str | None:
        name = values.type_of(int(parameter.ops))
        if name == "array":
            return f"{values.type_of(int(parameter.arr.ops))}[]"
        return name

    return of


@column()
def param_value(kernel: Context) -> Callable[[Value], Any]:
    """The value of a parameter, None if it is not known how it is kept."""
    values = _Values(kernel)
    return values.of


class _Values:
    """Reads the values of parameters of one kernel.

    What was for the start alone has been freed, variables included, and its memory is anybody's.
    """

    def __init__(self, kernel: Context) -> None:
        self._kernel = kernel
        self._types: dict[int, str | None] = {}
        try:
            ends = [kernel.own_symbol(f"__init_{end}") for end in ("begin", "end")]
        except BtfdumpError:
            ends = [0, 0]
        self._freed = range(*ends)

    def type_of(self, operations: int) -> str | None:
        """Return what a `struct kernel_param_ops` is called, without `param_ops_`."""
        if operations not in self._types:
            name = self._kernel.symbolize(operations) if operations else None
            if name == "param_array_ops":
                name = "array"
            self._types[operations] = name.removeprefix(_PREFIX) if name else None
        return self._types[operations]

    def of(self, parameter: Value) -> Any:
        """Return the value of a `struct kernel_param`; raises `FaultError`."""
        name = self.type_of(int(parameter.ops))
        if name == "string":
            text = parameter.member_("str").deref_()
            return self._text(int(text.string), int(text.maxlen))
        if name == "array":
            return self._elements(parameter.arr.deref_())
        return self._single(name, int(parameter.arg))

    def _single(self, name: str | None, address: int) -> Any:
        if not address or address in self._freed:
            return None
        if name == "charp":
            pointer = int(value_at(self._kernel, "unsigned long", address))
            return self._text(pointer, _MAX_STRING) if pointer else None
        spelled = _INTEGERS.get(name or "")
        if spelled is None:
            return None
        value = value_at(self._kernel, spelled, address).value_()
        return not value if name == "invbool" else value

    def _elements(self, array: Value) -> list[Any] | None:
        """Return the elements of a `struct kparam_array`, as many as were given."""
        name = self.type_of(int(array.ops))
        if name not in _INTEGERS and name != "charp":
            return None
        count = int(array.num.deref_()) if array.num else int(array.max)
        count = min(count, int(array.max), _MOST_ELEMENTS)
        start, size = int(array.elem), int(array.elemsize)
        wrap = self._kernel.wrap
        return [self._single(name, wrap(start + size * number)) for number in range(count)]

    def _text(self, address: int, limit: int) -> str:
        data = read_string(self._kernel, address, min(limit, _MAX_STRING))
        return data.decode("utf-8", "backslashreplace")
