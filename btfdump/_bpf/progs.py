"""BPF programs: what is loaded, what it uses, where it runs (kernel/bpf/syscall.c: prog_idr)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from btfdump._bpf.enums import short_name
from btfdump._bpf.kernel_btf import types_of
from btfdump._bpf.registry import registered
from btfdump._kernel.notes import Note
from btfdump._kernel.value_at import value_at
from btfdump.errors import BtfdumpError, CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

MAX_USED = 1 << 12
"""Most maps believed of one program; the verifier takes MAX_USED_MAPS, 64."""
MAX_FUNCTIONS = 1 << 12
"""Most functions believed of one program; the verifier takes BPF_MAX_SUBPROGS, 256."""
_BY_ATTACH_TYPE = ("tracing", "lsm")  # other types keep other things in expected_attach_type


@dataclass(frozen=True, slots=True)
class RunStatistics:
    """What `kernel.bpf_stats_enabled` counts, over all CPUs; `nanoseconds` is the time run."""

    runs: int = 0
    nanoseconds: int = 0
    misses: int = 0


@dataclass(frozen=True, slots=True)
class Prog:
    """A loaded program, a `struct bpf_prog` at virtual `address`.

    `type` is as bpftool spells it. `target` is the function that a tracing, lsm, struct_ops or
    extension program was verified for ("fentry vfs_read"), "" for other types. `btf_id` is the id
    of the program's own BTF, 0 if it has none. `load_time` is in nanoseconds since boot. Sizes are
    in bytes; `jited_size` is 0 for a program that is interpreted.
    """

    address: int
    id: int
    type: str
    name: str
    tag: str
    btf_id: int
    map_ids: tuple[int, ...]
    target: str
    uid: int
    load_time: int
    translated_size: int
    jited_size: int
    statistics: RunStatistics

    @property
    def label(self) -> str:
        """The id and the name, in the form that other tables use: "6 on_newtask"."""
        return label_of(self.id, self.name)


def label_of(number: int, name: str) -> str:
    """Return an object's id and, if it has one, its name."""
    return f"{number} {name}" if name else str(number)


def prog_labels(kernel: Context) -> dict[int, str]:
    """Return id -> label for every program that can be read."""
    return {prog.id: prog.label for prog in find_progs(kernel) if isinstance(prog, Prog)}


def find_progs(kernel: Context) -> Iterator[Prog | Note]:
    """Yield every program by id, and notes on what cannot be read.

    Raises `SymbolNotFoundError` for a kernel without BPF.
    """
    progs = registered(kernel, "prog_idr", "struct bpf_prog")
    kernel.own_symbol("prog_idr")  # raises before the first program is asked for
    return _read(progs)


def _read(progs: Iterator[Value]) -> Iterator[Prog | Note]:
    try:
        for value in progs:
            try:
                yield prog_of(value)
            except BtfdumpError as error:
                yield Note(f"program at {value.address_:#x}: {error}", value.address_)
    except BtfdumpError as error:
        yield Note(str(error))


def prog_of(value: Value) -> Prog:
    """Read one `struct bpf_prog`; raises `FaultError`, `CorruptDataError`."""
    value.read_()
    aux = value.aux.deref_().read_()
    return Prog(
        address=value.address_,
        id=int(aux.id),
        type=short_name(value.type, "BPF_PROG_TYPE_"),
        name=_name(aux),
        tag=value.tag.bytes_().hex(),
        btf_id=int(aux.btf.id) if aux.btf else 0,
        map_ids=_used_maps(aux),
        target=_target(value, aux),
        uid=int(aux.user.uid.val) if aux.user else 0,
        load_time=int(aux.load_time),
        translated_size=int(value.len) * _INSTRUCTION,
        jited_size=_jited_size(value, aux),
        statistics=_statistics(value, aux),
    )


def _name(aux: Value) -> str:
    """Return the name of a program: of its first function, where its own was cut.

    Mirrors get_prog_full_name() in tools/bpf/bpftool/common.c.
    """
    name = aux.member_("name")
    text = name.string_()
    if len(text) < len(name) - 1 or not aux.btf or not int(aux.func_info_cnt):
        return text
    try:
        full = types_of(aux._context_, aux.btf).type(int(aux.func_info[0].type_id)).name
    except BtfdumpError:  # the shorter name is true as well
        return text
    return full if full.startswith(text) else text


_INSTRUCTION = 8  # sizeof(struct bpf_insn)


def _jited_size(prog: Value, aux: Value) -> int:
    """Return the bytes of machine code, those of all subprograms (bpf_prog_get_info_by_fd())."""
    count = int(aux.func_cnt)
    if not count:
        return int(prog.jited_len)
    if count > MAX_FUNCTIONS:
        raise CorruptDataError(f"claims to have {count} functions", aux.address_)
    return sum(int(aux.func[index].jited_len) for index in range(count))


def _used_maps(aux: Value) -> tuple[int, ...]:
    count = int(aux.used_map_cnt)
    if count > MAX_USED:
        raise CorruptDataError(f"claims to use {count} maps", aux.address_)
    return tuple(int(aux.used_maps[index].id) for index in range(count))


def _target(prog: Value, aux: Value) -> str:
    """Say what function a program is verified for: `bpf_prog_aux.attach_func_name`."""
    if not aux.has_member_("attach_func_name") or not aux.attach_func_name:
        return ""
    kind = short_name(prog.type, "BPF_PROG_TYPE_")
    name = aux.attach_func_name.string_()
    if kind in _BY_ATTACH_TYPE:
        attach = short_name(prog.expected_attach_type, "BPF_")
        return f"{attach.removeprefix('trace_')} {name}"
    if kind == "struct_ops":
        return f"{kind} {_struct_name(aux)}.{name}"
    if aux.dst_prog:
        return f"{kind} {name} of program {int(aux.dst_prog.aux.id)}"
    return f"{kind} {name}"


def _struct_name(aux: Value) -> str:
    """Return the name of the struct that a struct_ops program implements a member of."""
    types = aux._context_.btf
    if aux.has_member_("attach_btf") and aux.attach_btf:
        types = types_of(aux._context_, aux.attach_btf)
    return types.type(int(aux.attach_btf_id)).name


def _statistics(prog: Value, aux: Value) -> RunStatistics:
    """Sum the program's `struct bpf_prog_stats` over all CPUs (until 5.12 `aux` led to them)."""
    pointer = prog.stats if prog.has_member_("stats") else aux.stats
    if not pointer:
        return RunStatistics()
    kernel = prog._context_
    struct = kernel.own_type("struct bpf_prog_stats")
    runs = nanoseconds = misses = 0
    for offset in kernel.target.per_cpu_offsets:
        stats = value_at(kernel, struct, kernel.wrap(int(pointer) + offset)).read_()
        runs += _counter(stats.cnt)
        nanoseconds += _counter(stats.nsecs)
        misses += _counter(stats.misses) if stats.has_member_("misses") else 0
    return RunStatistics(runs, nanoseconds, misses)


def _counter(value: Value) -> int:
    """Read a `u64_stats_t`, however many structs the number is wrapped in, or a plain u64."""
    return int.from_bytes(value.bytes_(), value._context_.layouts.byteorder)
