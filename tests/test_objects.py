"""Ten objects of a real kernel as a reader sees them: a tree of each is kept in tests/golden."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from btfdump._graph.traverse import traverse
from btfdump._render import Root, get
from btfdump._roots.selecting import select

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel

GOLDEN = Path(__file__).parent / "golden" / "objects"

OBJECTS = {
    "task": "task(192)",
    "process_signals": "task(1).signal",
    "character_device_inode": "task(1).files->fdt->fd[0]->f_inode",
    "socket_file": "task(192).files->fdt->fd[5]",
    "vma": "task(1).mm.mm_mt[0x400000]",
    "cred": "task(1).cred",
    "net_device": "init_net.loopback_dev",
    "super_block": "super_blocks[2]",
    "kmem_cache": "slab_caches[3]",
    "workqueue": "workqueues[0]",
}
LISTENING_SOCK = 0xFF1E74D4453E0980


def tree(kernel: Kernel, root: str) -> str:
    (found,) = select(kernel, root)
    events = traverse(found.value)
    return "".join(get("tree")([Root(events, found.name)], kernel.options()))


def check(name: str, text: str, *, is_updated: bool) -> None:
    file = GOLDEN / f"{name}.tree.txt"
    if is_updated:
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
    assert text == file.read_text("utf-8")


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object(
    name: str, opened: Callable[[str], Kernel], request: pytest.FixtureRequest
) -> None:
    is_updated = bool(request.config.getoption("--update-goldens"))
    check(name, tree(opened("stock"), OBJECTS[name]), is_updated=is_updated)


def test_a_listening_socket(
    opened: Callable[[str], Kernel], request: pytest.FixtureRequest
) -> None:
    """It says where it listens: nothing of it is a riddle."""
    kernel = opened("stock")
    value = kernel.value("struct sock", LISTENING_SOCK)
    text = "".join(kernel.dump(value, "tree"))
    check("sock", text, is_updated=bool(request.config.getoption("--update-goldens")))
    assert "TCP 127.0.0.1:9100 LISTEN" in text.splitlines()[0]
    for riddle, said in {
        "skc_family           2": "AF_INET",
        "skc_state            10": "TCP_LISTEN",
        "skc_rcv_saddr 16777343": "127.0.0.1",
        "sk_type            1": "SOCK_STREAM",
        "sk_protocol        6": "IPPROTO_TCP",
        "sk_rcvbuf          131072": "128 KiB",
    }.items():
        assert f"{riddle} {said}" in text
