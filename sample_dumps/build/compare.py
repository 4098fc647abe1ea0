"""Hold what btfdump reads of a dump against the ground truth, which drgn read of another."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from btfdump._api.opening import open_core
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from btfdump._api.kernel import Kernel
    from btfdump._kernel.value import Value

MAX_SHOWN = 20
# Members of the garden whose tags are wrong on purpose, and heads behind a pointer.
UNTYPED = ("buckets", "no_member", "no_type", "no_grammar", "wrong_link")


class Comparison:
    """Counts what was compared, of it what values mean, and keeps what differs."""

    def __init__(self) -> None:
        self.compared = 0
        self.meanings = 0
        self.differences: list[str] = []

    def check(self, where: str, expected: Any, read: Callable[..., Any], *of: Any) -> None:
        """Compare a value with what `read(*of)` gives; what cannot be read differs."""
        self.compared += 1
        try:
            found = read(*of)
        except BtfdumpError as error:
            found = error
        if found != expected:
            self.differences.append(f"{where}: {found!r} instead of {expected!r}")

    def check_object(self, where: str, expected: Any, value: Value) -> None:
        """Compare a whole object with what truth.objects.members() made of it."""
        if isinstance(expected, dict):
            self._check_dict(where, expected, value)
        elif isinstance(expected, list):
            self._check_list(where, expected, value)
        elif isinstance(expected, str) and expected.startswith("0x"):
            self.check(where, int(expected, 16), int, value)
        elif expected is not None and expected != "...":
            self.check(where, expected, value.value_)

    def _check_dict(self, where: str, expected: dict[str, Any], value: Value) -> None:
        if set(expected) == {"bytes"}:
            self.check(where, expected["bytes"], _hex, value)
        elif set(expected) == {"enum", "name"}:
            self.check(where, expected["enum"], int, value)
        elif set(expected) != {"fault"}:
            for name, inner in expected.items():
                # Members of nameless structs are their holder's own.
                part = value if name.startswith("<") else value.member_(name)
                self.check_object(f"{where}.{name}", inner, part)

    def _check_list(self, where: str, expected: list[Any], value: Value) -> None:
        while expected and isinstance(expected[0], list) and not _is_array(value[0]):
            expected = [one for row in expected for one in row]  # BTF has int[6] for int[2][3]
        for index, inner in enumerate(expected):
            self.check_object(f"{where}[{index}]", inner, value[index])


def compare(dump: Path, truth: dict[str, Any], vmlinux: Path | None = None) -> Comparison:
    """Read a dump with btfdump and compare all that the truth has of it.

    A part that could not be read is not there: its `errors` say so. `vmlinux` has the symbols that
    some dumps lack.
    """
    comparison = Comparison()
    with open_core(dump, vmlinux=vmlinux) as kernel:
        _compare_symbols(comparison, kernel, truth)
        _compare_tasks(comparison, kernel, truth.get("tasks", []))
        _compare_super_blocks(comparison, kernel, truth.get("supers", []))
        _compare_bytes(comparison, kernel, truth)
        if truth.get("garden"):
            _compare_garden(comparison, kernel, truth["garden"])
        for name, sample in truth.get("samples", {}).items():
            value = kernel.value(sample["type"].removeprefix("const "), int(sample["addr"], 16))
            comparison.check_object(name, sample["value"], value.read_())
        _compare_meanings(comparison, kernel, truth.get("meanings", ()))
    return comparison


def _is_array(value: Value) -> bool:
    try:
        len(value)
    except TypeError:
        return False
    return True


def _compare_symbols(comparison: Comparison, kernel: Kernel, truth: dict[str, Any]) -> None:
    target = kernel.target
    for name, symbol in truth.get("symbols", {}).items():
        if symbol is not None:
            address = int(symbol["address"], 16)
            comparison.check(name, address, target.symbol, name)
    if "kernel" in truth:
        comparison.check("release", truth["kernel"]["release"], lambda: kernel.release)
    if "vmlinux_btf" in truth:
        comparison.check("BTF", truth["vmlinux_btf"]["size"], lambda: len(target.btf_bytes()))


def _compare_tasks(comparison: Comparison, kernel: Kernel, tasks: list[dict[str, Any]]) -> None:
    found = {int(task.pid): task for task in kernel.tasks()} if tasks else {}
    comparison.check("pids", [task["pid"] for task in tasks], lambda: sorted(found))
    for facts in tasks:
        task = found.get(facts["pid"])
        if task is None:
            continue  # reported above
        where = f"task {facts['pid']}"
        comparison.check(where, facts["addr"], _address, task)
        comparison.check(f"{where} comm", facts["comm"], task.comm.string_)
        for name, head in (("children", task.children), ("threads", task.signal.thread_head)):
            comparison.check(f"{where} {name}", facts[name], _pids, head)
        expected = (facts["bpf_storage"] or {}).get("elems", ())
        expected = [(one["elem"], one["data"]) for one in expected]
        comparison.check(f"{where} storage", expected, _storage, kernel, task)


def _hex(value: Value) -> str:
    return value.bytes_().hex()


def _address(value: Value) -> str:
    return hex(value.address_)


def _pids(head: Value) -> list[int]:
    return [int(entry.pid) for entry in head.walk_()]


def _inodes(head: Value) -> list[tuple[str, int]]:
    return [(hex(inode.address_), int(inode.i_ino)) for inode in head.walk_()]


def _read(kernel: Kernel, address: str, size: int) -> str:
    return kernel.target.read(int(address, 16), size).hex()


def _storage(kernel: Kernel, task: Value) -> list[tuple[str, str]]:
    if not task.has_member_("bpf_storage") or not task.bpf_storage:
        return []  # since Linux 5.11
    found = []
    for element in task.bpf_storage.list.walk_():
        data, size = element.sdata.data.address_, int(element.sdata.smap.map.value_size)
        found.append((hex(element.address_), kernel.target.read(data, size).hex()))
    return found


def _compare_super_blocks(
    comparison: Comparison, kernel: Kernel, blocks: list[dict[str, Any]]
) -> None:
    for facts in blocks:
        block = kernel.value("struct super_block", int(facts["addr"], 16))
        expected = [(inode["addr"], inode["ino"]) for inode in facts["inodes"]]
        where = f"super block {facts['s_id']}"
        comparison.check(where, expected, _inodes, block.s_inodes)


def _compare_bytes(comparison: Comparison, kernel: Kernel, truth: dict[str, Any]) -> None:
    """Compare what stands at known addresses: elements of arrays and storage."""
    known = [
        (f"{map_['name']}[{one['index']}]", one["addr"], one["data"])
        for map_ in truth.get("maps", ())
        for one in map_.get("elems", ())
        if "addr" in one
    ]
    holders = [inode["storage"] for inode in truth.get("inode_storage", {}).get("list", ())]
    for part in ("sk_storage", "cgroups"):
        holders += [holder.get("bpf_storage") for holder in truth.get(part, ())]
    known += [
        (f"storage {one['map_name']}", one["data_addr"], one["data"])
        for holder in holders
        if holder
        for one in holder["elems"]
    ]
    for where, address, data in known:
        comparison.check(where, data, _read, kernel, address, len(data) // 2)


def _compare_garden(comparison: Comparison, kernel: Kernel, truth: dict[str, Any]) -> None:
    """Compare the containers of the module garden: what their tags say must find the same."""
    garden = kernel.value("struct garden", int(truth["addr"], 16))
    comparison.check_object("garden", truth["value"], garden)
    for path, plants in truth["containers"].items():
        head = garden
        for part in re.findall(r"\w+", path):
            head = head[int(part)] if part.isdecimal() else head.member_(part)
        if not path.startswith(UNTYPED):
            comparison.check(f"garden.{path}", _names(plants), _plants, head)


def _names(plants: list[Any]) -> list[str]:
    """Return the names out of names, or out of lists of index, or range, and name."""
    names = [plant[-1] if isinstance(plant, list) else plant for plant in plants]
    return [name for name in names if isinstance(name, str)]  # not an xarray's numbers


def _plants(head: Value) -> list[str]:
    return [plant.name.string_() for plant in head.walk_()]


def _compare_meanings(
    comparison: Comparison, kernel: Kernel, meanings: Iterable[dict[str, Any]]
) -> None:
    """Compare what annotations say that values mean, and the paths of files and mounts."""
    paths = kernel.paths()
    for fact in meanings:
        value = kernel.value(fact["struct"], int(fact["addr"], 16))
        where = f"{fact['struct']} {fact['addr']} {fact['member'] or 'path'}"
        if not fact["member"]:
            comparison.meanings += 1
            comparison.check(where, fact["text"], paths.of, value)
            continue
        for name in fact["member"].split("."):
            value = value.member_(name)
        comparison.meanings += 1
        if "text" in fact:
            comparison.check(where, fact["text"], value.meaning_)
        else:
            names = {*fact["has"], *fact["lacks"]}
            comparison.check(where, sorted(fact["has"]), _among, value, names)


def _among(value: Value, names: set[str]) -> list[str]:
    """Return which of these names a value's meaning has."""
    return sorted(names.intersection(value.flags_() or [value.meaning_()]))
