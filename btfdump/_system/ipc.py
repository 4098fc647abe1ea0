"""System V IPC: shared memory, message queues, semaphores of all namespaces (ipc/)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from btfdump._kernel.notes import Note, note_of
from btfdump._kernel.variables import find_global
from btfdump._system.members import Members
from btfdump._walk import Anomaly, ValueEntry
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.following import Troubles
    from btfdump._kernel.value import Value

_KINDS = ("sem", "msg", "shm")
"""By position in `ipc_namespace.ids` (ipc/util.h: IPC_SEM_IDS, IPC_MSG_IDS, IPC_SHM_IDS)."""
_OBJECTS = {
    "shm": (
        "shmid_kernel",
        "shm_perm",
        {"bytes": "shm_segsz", "items": "shm_nattch", "creator": "shm_cprid", "last": "shm_lprid"},
    ),
    "msg": (
        "msg_queue",
        "q_perm",
        {"bytes": "q_cbytes", "items": "q_qnum", "creator": "q_lspid", "last": "q_lrpid"},
    ),
    "sem": ("sem_array", "sem_perm", {"items": "sem_nsems"}),
}
"""The struct of each kind, its `struct kern_ipc_perm`, and what of it is told."""
_PERMISSIONS = {"id": "id", "key": "key", "uid": "uid.val", "mode": "mode"}


class IpcObject(NamedTuple):
    """One object. `items` is how many have shared memory attached, messages, or semaphores.

    `pid` is who made shared memory, or sent last to a queue, and `last_pid` who attached or
    detached it, or received, last; None for nobody. `address` is that of the `struct
    shmid_kernel`, `msg_queue` or `sem_array`.
    """

    kind: str
    id: int | None
    key: int | None
    uid: int | None
    mode: int | None
    bytes: int | None
    items: int | None
    pid: int | None
    last_pid: int | None
    namespace: int
    address: int


def ipc_namespaces(kernel: Context, tasks: Iterable[Value]) -> list[Value]:
    """Return the namespaces that tasks are in, and the first; there is no list of them all.

    Raises what `Context.own_variable()` raises if the kernel has no IPC.
    """
    found = {(first := find_global(kernel, "init_ipc_ns")).address_: first}
    for task in tasks:
        try:
            if task.nsproxy and task.nsproxy.ipc_ns:
                found.setdefault(int(task.nsproxy.ipc_ns), task.nsproxy.ipc_ns.deref_())
        except BtfdumpError:  # a task that can be read in part; tables of tasks tell
            continue
    return list(found.values())


class IpcObjects:
    """Reads the objects of namespaces; what cannot be read is counted in `troubles`."""

    def __init__(self, kernel: Context, troubles: Troubles) -> None:
        self._kernel = kernel
        self._troubles = troubles
        self._permissions = Members(kernel, "kern_ipc_perm", _PERMISSIONS, troubles)
        self._readers: dict[str, Members] = {}

    def each(self, namespace: Value) -> Iterator[IpcObject | Note]:
        """Yield each object of a `struct ipc_namespace`, and what is wrong."""
        number = int(namespace.ns.inum)
        for kind, ids in zip(_KINDS, namespace.ids, strict=False):
            try:
                for item in ids.ipcs_idr.entries_():
                    if isinstance(item, Anomaly):
                        yield Note(f"{kind}: {item.message}", item.address)
                    elif not isinstance(item, ValueEntry):
                        yield self._of(kind, item.address_, number)
            except BtfdumpError as error:
                yield note_of(error, kind)

    def _of(self, kind: str, permissions: int, namespace: int) -> IpcObject:
        struct, inside, paths = _OBJECTS[kind]
        if kind not in self._readers:
            self._readers[kind] = Members(self._kernel, struct, paths, self._troubles)
        address = self._kernel.wrap(permissions - self._kernel.struct(struct).offset(inside))
        known: dict[str, Any] = self._readers[kind].of(address)
        access = self._permissions.of(permissions)
        return IpcObject(
            kind,
            access["id"],
            access["key"] & 0xFFFFFFFF if access["key"] is not None else None,
            access["uid"],
            access["mode"] & 0o777 if access["mode"] is not None else None,
            known.get("bytes"),
            known["items"],
            self._pid(known.get("creator")),
            self._pid(known.get("last")),
            namespace,
            address,
        )

    def _pid(self, address: int | None) -> int | None:
        """Return the number of a `struct pid` in the first namespace, None for NULL."""
        if not address:
            return None
        kernel = self._kernel
        start = kernel.struct("pid").offset("numbers") + kernel.struct("upid").offset("nr")
        try:
            data = kernel.target.read(kernel.wrap(address + start), 4)
        except BtfdumpError as error:
            self._troubles.add("pid", error)
            return None
        return int.from_bytes(data, kernel.layouts.byteorder) or None
