"""Element types inferred from slab caches, on real kernels: right, or unknown, never wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._annotate.annotations import Annotations
from btfdump._annotate.members import resolve
from btfdump._api.kernel import Kernel
from btfdump._decode.layout import StructLayout
from btfdump._graph.infer import Guess, Inference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.value import Value
    from btfdump._render import Format


CORE = "sample_dumps/tagged-6.12/vmcore"
KERNELS = ("tagged", "stock", "s390x")


@pytest.fixture(params=KERNELS)
def kernel(opened, request: pytest.FixtureRequest) -> Kernel:
    return opened(request.param)


@pytest.fixture
def ignorant(opened) -> Any:
    """Return name -> a kernel of which annotations say nothing, but how to find the start."""

    def make(name: str) -> Kernel:
        known = opened(name)
        kernel = Kernel(known.target, known.btf)
        kernel.annotations = Annotations((), None, kernel.lookup)
        return kernel

    return make


# Inference against what is known


def heads(kernel: Kernel) -> Iterator[tuple[str, Value, Any]]:
    """Yield heads whose element the annotations know."""
    objects: list[Value] = []
    for task in list(kernel.tasks())[::4]:
        objects += [task, task.signal.deref_(), task.cgroups.deref_()]
    for sb in kernel["super_blocks"].walk_():
        objects += [sb, sb.s_type.deref_(), *list(sb.s_inodes.walk_())[:10]]
        if int(sb.s_root):
            objects += [sb.s_root.deref_(), *list(sb.s_root.d_children.walk_())[:20]]
    objects += kernel["workqueues"].walk_()
    objects += kernel["modules"].walk_()
    objects += list(kernel["init_pid_ns"].idr.walk_())[::4]
    objects += kernel["init_task"].nsproxy.mnt_ns.mounts.walk_()
    for item in objects:
        layout = item._layout_
        assert isinstance(layout, StructLayout)
        for index, facts in kernel.facts(layout).members.items():
            expansion = facts.expansion
            member = layout.members[index].name
            if expansion is not None and not expansion.is_ring:
                head = item.member_(member)
                if isinstance(head._layout_, StructLayout):
                    yield f"{layout.type}.{member}", head, expansion


def test_what_is_inferred_is_right(kernel):
    """The element itself, or what it is embedded in: an inode in a shmem_inode_info."""
    inference = Inference(kernel)
    right, unknown = set(), set()
    for name, head, expansion in heads(kernel):
        guess = inference.look_into(head)
        if guess is None:
            continue
        if guess.expansion is None:
            unknown.add(name)
            continue
        element, link = guess.expansion.element, guess.expansion.link_offset
        if element.name != expansion.element.name:
            path = guess.expansion.node.removesuffix(expansion.node).rstrip(".")
            resolved = resolve(element, path)
            assert resolved is not None, f"{name}: {element}"
            inner = resolved.type.btf.skip_modifiers(resolved.type)
            assert (inner.name, link) == (
                expansion.element.name,
                resolved.offset + expansion.link_offset,
            )
        else:
            assert link == expansion.link_offset, name
        right.add(name)
    assert len(right) >= 6, right
    assert "struct dentry.d_children" in right
    assert "struct workqueue_struct.pwqs" in right


def test_pointers_back_tell_what_a_kmalloc_cache_holds(opened):
    kernel = opened("stock")
    inference = Inference(kernel)
    found = [inference.look_into(wq.pwqs) for wq in kernel["workqueues"].walk_()]
    expansions = {guess.expansion for guess in found if guess is not None}
    assert {(e.element.name, e.node, e.provenance) for e in expansions if e is not None} == {
        (
            "pool_workqueue",
            "pwqs_node",
            "inferred: slab cache pool_workqueue, 512 bytes, node at 136; it points back",
        )
    }


def test_links_are_no_heads(opened):
    """A ring of links has a head somewhere: that must not be shown as one of its elements."""
    kernel = opened("tagged")
    inference = Inference(kernel)
    for task in list(kernel.tasks())[:20]:
        for link in (task.tasks, task.sibling, task.thread_node, task.cg_list):
            guess = inference.look_into(link)
            assert guess is None or guess.expansion is None


def test_types_that_cannot_be_read_leave_it_open(opened, monkeypatch):
    """One of them might fit as well."""
    from btfdump.errors import BtfFormatError

    kernel = opened("stock")
    dentry = next(
        sb.s_root
        for sb in kernel["super_blocks"].walk_()
        if len(list(sb.s_root.d_children.walk_()))
    )
    guess = Inference(kernel).look_into(dentry.d_children)
    assert guess is not None
    assert guess.expansion is not None

    def broken(smallest: int, largest: int) -> None:
        raise BtfFormatError(0, "broken")

    monkeypatch.setattr(kernel.btf, "structs_of_size", broken)
    guess = Inference(kernel).look_into(dentry.d_children)
    assert guess is not None
    assert guess.expansion is None


def test_words():
    assert str(Guess(1, True)) == "1 node, element type unknown"
    assert str(Guess(1000, False)) == "1000+ nodes, element type unknown"
    guess = Guess(3, True, None, ("struct a", "struct b"))
    assert str(guess) == "3 nodes, element type unknown, may be struct a or struct b"


# As it is shown


def shown(kernel: Kernel, value: Value, format_: Format = "tree") -> str:
    return "".join(kernel.dump(value, format_))


@pytest.mark.parametrize("name", ["stock", "s390x"])
def test_inferred_containers_are_labelled(ignorant, opened, name):
    kernel = ignorant(name)
    address = next(opened(name)["workqueues"].walk_()).address_
    value = kernel.value("struct workqueue_struct", address)
    text = shown(kernel, value)
    line = next(line for line in text.splitlines() if " pwqs " in line)
    assert "x pool_workqueue (pwqs_node) [inferred: slab cache pool_workqueue, 512 bytes" in line
    document = json.loads(shown(kernel, value, "jsonl"))["members"]["pwqs"]
    assert document["provenance"].startswith("inferred: slab cache")
    assert document["count"] == 2
    assert "[inferred: " in shown(kernel, value, "text")


def test_nothing_is_inferred_where_that_is_not_wanted(ignorant, opened):
    kernel = ignorant("stock")
    kernel.infers = False
    address = next(opened("stock")["workqueues"].walk_()).address_
    value = kernel.value("struct workqueue_struct", address)
    line = next(line for line in shown(kernel, value).splitlines() if " pwqs " in line)
    assert line.endswith("struct list_head (2 nodes, element type unknown)")
    document = json.loads(shown(kernel, value, "jsonl"))["members"]["pwqs"]
    assert document["remark"] == "2 nodes, element type unknown"
    assert "/* 2 nodes, element type unknown */" in shown(kernel, value, "text")


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "btfdump", "inspect", CORE, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_unknown_containers_say_so():
    text = run("struct sample_root", "sample_root", "--members", "xa,idr", "--format", "tree")
    assert "struct xarray (4 nodes, element type unknown)" in text
    assert "struct idr (3 nodes, element type unknown)" in text
    assert text.count("unknown") == 2


def test_void_pointers_say_which_slab_object_they_lead_to():
    with_slabs = run("task(1).bpf_storage->owner")
    assert with_slabs.rstrip().endswith("/* slab task_struct */")
    assert "slab" not in run("task(1).bpf_storage->owner", "--no-infer")
    members = json.loads(run("task(1).bpf_storage", "--members", "owner", "--format", "jsonl"))
    assert members["members"]["owner"]["slab"] == "slab task_struct"
