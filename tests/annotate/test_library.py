"""The built-in library: each line holds for some real kernel, and is contradicted by none."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from btfdump._annotate import overlay as overlay_module
from btfdump._annotate.enumerators import without_enumerators
from btfdump._annotate.global_types import global_types
from btfdump._annotate.grammar import (
    Condition,
    Contains,
    Length,
    LinkRole,
    Means,
    NotUnderstood,
    Skip,
    Stale,
    Vacant,
    as_meaning,
)
from btfdump._annotate.lookup import Lookup
from btfdump._annotate.meanings import Meanings
from btfdump._annotate.overlay import Overlay, library
from btfdump._btf import Btf, types
from btfdump.errors import AnnotationError
from tests.support.case_files import KERNELS, read_btf, read_case
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._annotate.grammar import Annotation
    from btfdump._btf.types import TypeTable

OVERLAYS = sorted((Path(overlay_module.__file__).parent / "overlays").glob("*.toml"))
LINKS = {
    "list_head": "list_head",
    "list_lru": "list_head",
    "hlist_head": "hlist_node",
    "hlist_bl_head": "hlist_bl_node",
    "hlist_nulls_head": "hlist_nulls_node",
    "llist_head": "llist_node",
    "rb_root": "rb_node",
    "rb_root_cached": "rb_node",
    "plist_head": "plist_node",
    "klist": "klist_node",
    "rhashtable": "rhash_head",
    "rhltable": "rhlist_head",
    "timerqueue_head": "timerqueue_node",
}
"""What links the entries of a container (include/linux/types.h and the header of each)."""
POINTERS = {"xarray", "radix_tree_root", "idr", "maple_tree", "assoc_array", "sk_buff_head"}
"""Containers of pointers: their entries need no link."""
# The relation holds where the member is a container; some kernels have something else of that name.
OTHER_THINGS = {
    ("super_block", "s_mounts"): "6.18: a struct mount *, chained by mnt_next_for_sb",
    ("mnt_namespace", "mounts"): "until 6.7: a count",
    ("fscrypt_master_key", "mk_users"): "until 6.12.98: a struct key *",
    ("iommu_iotlb_gather", "freelist"): "6.18: a struct iommu_pages_list",
    ("iova_fq_entry", "freelist"): "6.18: a struct iommu_pages_list",
    ("swap_info_struct", "free_clusters"): "until 6.11: a struct swap_cluster_list",
    ("swap_info_struct", "discard_clusters"): "until 6.11: a struct swap_cluster_list",
    ("memory_tier", "memory_types"): "until 6.3: elements are linked by list",
    ("uprobe", "consumers"): "until 6.11: a struct uprobe_consumer *, chained by next",
    ("blk_flush_queue", "flush_data_in_flight"): "since 6.6: a count",
    ("kernfs_iattrs", "xattrs"): "until 7.2: a struct simple_xattrs",
    ("pidfs_attr", "xattrs"): "until 7.2: a pointer to a struct simple_xattrs",
    ("shmem_inode_info", "xattrs"): "until 7.2: a struct simple_xattrs",
    ("io_ring_ctx", "iopoll_list"): "until 6.18: a struct io_wq_work_list",
    ("kvm_arch", "possible_nx_huge_pages"): "7.3: an array of structs with the list",
    ("kvm_arch", "tdp_mmu_pages"): "since 6.3: a count",
    ("svc_serv", "sv_cb_list"): "since 6.6: a struct lwq",
    ("io_uring_task", "task_list"): "7.3: a struct mpscq",
    ("btrfs_fs_info", "mapping_tree"): "6.1: a struct extent_map_tree",
    ("btrfs_inode", "ordered_tree"): "6.1: a struct btrfs_ordered_inode_tree",
    ("kgd_mem", "validate_list"): "6.1: a struct ttm_validate_buffer",
    ("send_ctx", "name_cache"): "since 6.3: a struct btrfs_lru_cache",
    ("svc_xprt", "xpt_ready"): "since 6.6: a struct lwq_node",
    ("xfs_cil_ctx", "busy_extents"): "since 6.5: a struct xfs_busy_extents",
    ("nf_conncount_data", "root"): "7.3: a struct nf_conncount_root, which holds the tree",
    ("hrtimer_clock_base", "active"): "7.3: a struct timerqueue_linked_head, stated by path",
}
LACKING = re.compile("no struct|no such enum")
"""Kernels differ in what they have; an enum was often a number of macros before."""
# Of kernels older than any at hand: seen on the 5.10 of docs/kernels.md.
OLDER = {
    ("delayed_fput_list", "file:f_u.fu_llist"),
    ("deferred_sync", "device:links.defer_hook"),
    ("migrate_nodes", "stable_node:list"),
    ("one_stable_tree", "stable_node:node"),
    ("one_unstable_tree", "rmap_item:node"),
}


MODULES = "modules"


@pytest.fixture(scope="module")
def btfs(opened) -> list[Btf]:
    """Every BTF at hand: of the dumps, 6.1 and 6.12 of Debian, modules, this machine's."""
    found = [opened(name).btf for name in ("tagged", "stock", "stock-7.3", "s390x")]
    found += [Btf.from_bytes(read_btf(name), name=name, check=False) for name in KERNELS]
    # What of Debian's generic kernels and all their modules is a container or a link.
    found.append(Btf.from_bytes(read_case("modules.btf.zst"), name=MODULES, check=False))
    running = Path("/sys/kernel/btf/vmlinux")
    if running.exists():
        found.append(Btf.from_bytes(running.read_bytes(), name="running", check=False))
    return [*found, kvm_of_7_3()]


def kvm_of_7_3() -> Btf:
    """The structs of guest_memfd as the module kvm of Debian 7.3 has them: no dump at hand does."""
    world = World()
    world.struct("kvm_memory_slot", [("base_gfn", "u64")])
    world.struct("xarray", [("xa_lock", "int"), ("xa_flags", "u32"), ("xa_head", "void *")])
    world.struct(
        "gmem_file",
        [("kvm", "void *"), ("bindings", "struct xarray"), ("entry", "struct list_head")],
    )
    world.struct(
        "gmem_inode",
        [("policy", "u64[2]"), ("vfs_inode", "u64[70]"), ("gmem_file_list", "struct list_head")],
    )
    return world.btf()


def members(type_: types.Type) -> Iterator[tuple[types.Member, types.Composite]]:
    """Members of a struct, those of anonymous ones inside it included."""
    base = type_.btf.skip_modifiers(type_)
    if isinstance(base, types.Composite):
        for member in base.members:
            if member.name:
                yield member, base
            else:
                yield from members(member.type)


def follow(type_: types.Type, path: str, *, pointers: bool = False) -> types.Type | None:
    """Follow a dotted path through structs, and pointers; None where there is no such member."""
    for step in path.split("."):
        if pointers:
            type_ = element(type_, pointers=True)
        found = next((m for m, _ in members(type_) if m.name == step.removesuffix("[]")), None)
        if found is None:
            return None
        type_ = found.type
        if step.endswith("[]"):
            type_ = element(type_, pointers=False)
    return type_


def element(type_: types.Type, *, pointers: bool) -> types.Type:
    """Strip modifiers and arrays, and pointers too where heads may lie behind one."""
    base = type_.btf.skip_modifiers(type_)
    while isinstance(base, types.Array) or (pointers and isinstance(base, types.Ptr)):
        base = base.btf.skip_modifiers(base.type_id)
    return base


def structs(btf: TypeTable, name: str) -> list[types.Composite]:
    return [t for t in btf.find_all(None, name) if isinstance(t, types.Composite)]


def misfit(type_: types.Type, annotation: Annotation) -> str:
    """Say what keeps the annotation from holding for a member of this type; "" if nothing does."""
    if isinstance(annotation, LinkRole):
        base = element(type_, pointers=False)
        return "" if base.name in set(LINKS.values()) else f"a link, but it is {type_}"
    if isinstance(annotation, Stale):
        is_pointer = isinstance(element(type_, pointers=False), types.Ptr)
        return "" if is_pointer else f"a pointer that may be stale, but it is {type_}"
    if isinstance(annotation, Means):
        return misfit_of_meaning(type_, annotation)
    if not isinstance(annotation, Contains):
        return ""
    head = element(type_, pointers=True).name
    if head not in LINKS and head not in POINTERS and (means := as_meaning(annotation)):
        return misfit_of_meaning(type_, means)
    if head not in LINKS and head not in POINTERS:
        return misfit_of_chain(type_, annotation)
    if head in POINTERS:
        named = structs(type_.btf, annotation.element)
        return "" if named and annotation.node is None else f"no struct {annotation.element}"
    named = structs(type_.btf, annotation.element)
    for struct in named:
        link = follow(struct, annotation.node or "")
        name = element(link, pointers=False).name if link is not None else ""
        if name in (LINKS[head], "list_head" if head == "llist_head" else ""):
            return ""
    if not named:
        return f"no struct {annotation.element}"
    return f"{annotation.element} has no struct {LINKS[head]} {annotation.node}"


def misfit_of_meaning(type_: types.Type, means: Means) -> str:
    """What values mean fits their size, and the enum that names them is in the BTF."""
    try:
        Meanings((), Lookup(type_.btf), None).of(means, type_, type_.btf)
    except AnnotationError as error:
        return f"{means}: {error}"
    return ""


def misfit_of_chain(type_: types.Type, annotation: Contains) -> str:
    """Objects that point to the next of their own type, and a pointer to the first."""
    first = element(type_, pointers=False)
    if not isinstance(first, types.Ptr) or not annotation.node:
        return f"no container: {type_}"
    for struct in structs(type_.btf, annotation.element):
        link = follow(struct, annotation.node)
        following = element(link, pointers=False) if link is not None else None
        if isinstance(following, types.Ptr):
            target = element(following, pointers=True)
            if target is struct and element(first, pointers=True) is struct:
                return ""
    return f"no chain of {annotation.element} by {annotation.node}"


BEFORE = {"mm_struct.mmap", "task_struct.state"}
"""What only kernels before 6.1 have, and was looked at in a dump of 5.10."""


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: path.stem)
def test_every_line_holds_for_a_real_kernel(btfs, path):
    """Where the member exists, one of the alternatives fits; and it exists somewhere."""
    overlay = Overlay.load(path)
    wrong = []
    for name in overlay.structs():
        for member, alternatives in overlay.members(name).items():
            fits, misfits = 0, []
            for btf in btfs:
                for struct in structs(btf, name):
                    type_ = follow(struct, member, pointers=True)
                    if type_ is None:
                        continue
                    reasons = [
                        "; ".join(filter(None, (misfit(type_, a) for a in choice)))
                        for choice in alternatives
                    ]
                    fits += "" in reasons
                    if "" not in reasons:
                        misfits.append(f"{btf.name}: {reasons}")
            if not fits and (misfits or f"{name}.{member}" not in BEFORE):
                wrong.append(f"{name}.{member}: {misfits or 'no kernel at hand has it'}")
            elif (name, member) not in OTHER_THINGS:
                wrong += [f"{name}.{member}: {m}" for m in misfits if not LACKING.search(m)]
    assert wrong == []


def named(btf: TypeTable, name: str) -> Iterator[types.Type]:
    """Yield the typedefs and the structs of a name."""
    for type_ in btf.find_all(None, name):
        if isinstance(type_, types.Typedef | types.Composite):
            yield type_


@pytest.mark.parametrize("name", library().scalars())
def test_what_all_values_of_a_type_mean_fits_that_type(btfs, name):
    fits = 0
    for btf in btfs:
        for type_ in named(btf, name):
            (stated,) = (as_meaning(a) for choice in library().scalar(name) for a in choice)
            if stated is None:  # show:hex
                fits += 1
            else:
                reason = misfit_of_meaning(type_, stated)
                assert not reason or LACKING.search(reason), btf.name
                fits += not reason
    assert fits


SEE = re.compile(r"[\w/-]+/[\w.-]+\.[chS](: (\w+\(\)|struct \w+))?([,:;]? .+)?")
"""A file of the source, a function or the struct that is declared there, and words."""


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: path.stem)
def test_every_line_names_its_source(path):
    overlay = Overlay.load(path)
    for name in overlay.structs():
        for member in overlay.members(name):
            see = overlay.see(name, member)
            assert SEE.fullmatch(see), f"{path.name}: {name}.{member}: {see}"
    for name in overlay.globals():
        for see in overlay.sees_of_global(name):
            assert SEE.fullmatch(see), f"{path.name}: {name}: {see}"
    for name in overlay.containers():
        assert SEE.fullmatch(overlay.see_of_container(name)), f"{path.name}: [container] {name}"
    for name in overlay.scalars():
        assert SEE.fullmatch(overlay.see_of_scalar(name)), f"{path.name}: [scalar] {name}"


def test_global_containers_hold_what_some_kernel_has(btfs):
    wrong = []
    for name in library().globals():
        for declared, choice in ((d, c) for d in library().global_(name) for c in d.alternatives):
            head = re.sub(r"\[\d*\]|\*", "", declared.type).strip().removeprefix("struct ")
            for annotation in choice:
                if isinstance(annotation, Contains) and head in {*LINKS, *POINTERS}:
                    reasons = [
                        misfit(type_, annotation) for btf in btfs for type_ in structs(btf, head)
                    ]
                    if (
                        "" not in reasons
                        and (name, f"{annotation.element}:{annotation.node}") not in OLDER
                    ):
                        wrong.append(f"{name}: {annotation}: {reasons}")
    assert wrong == []


def test_no_member_is_spoken_of_twice():
    seen: dict[tuple[str, str], str] = {}
    for path in OVERLAYS:
        overlay = Overlay.load(path)
        for name in overlay.structs():
            for member in overlay.members(name):
                assert seen.setdefault((name, member), path.name) == path.name


def expressions() -> Iterator[tuple[str, str, str]]:
    """Yield (struct, member, expression) for every expression in the library."""
    for struct in library().structs():
        for member, alternatives in library().members(struct).items():
            for annotation in chain.from_iterable(alternatives):
                if isinstance(annotation, Condition | Length | Skip | Vacant):
                    yield struct, member, annotation.expression


def test_every_enumerator_has_a_value_in_every_kernel(btfs):
    """By the BTF, or by the default that stands beside it."""
    found: set[str] = set()
    for struct, member, expression in expressions():
        names = set(re.findall(r"\b[A-Z][A-Z0-9_]+\b", expression))
        found |= names
        for btf in btfs if names else ():
            # Of the modules' BTF there is no enumerator.
            if btf.name != MODULES and any(follow(s, member) for s in structs(btf, struct)):
                text = without_enumerators(expression, None, btf, Lookup(btf))
                assert not names & set(re.findall(r"\w+", text)), f"{btf.name}: {text}"
    assert found >= {"DCACHE_DENTRY_CURSOR", "KERNFS_DIR", "IPPROTO_TCP", "LRU_UNEVICTABLE"}


@pytest.mark.parametrize(
    ("name", "enumerators"),
    [
        ("stock", {"DCACHE_DENTRY_CURSOR": 0x20000000, "DMA_FENCE_FLAG_SIGNALED_BIT": 0}),
        ("stock-7.3", {"DCACHE_DENTRY_CURSOR": 0x2000000, "DMA_FENCE_FLAG_SIGNALED_BIT": 3}),
    ],
)
def test_bits_that_moved(opened, name, enumerators):
    """The library names them; what they are worth is this kernel's."""
    kernel = opened(name)
    dentry = kernel.annotations.of_struct(kernel.type("struct dentry"))
    skips = {known.skip for known in dentry.members.values()} - {None}
    assert skips == {f"d_flags & ({enumerators['DCACHE_DENTRY_CURSOR']:#x})"} or skips == {
        f"d_flags & ({enumerators['DCACHE_DENTRY_CURSOR']})"
    }
    fence = kernel.annotations.of_struct(kernel.type("struct dma_fence"))
    ((condition, _),) = fence.paths.get("cb_list").cases
    assert f">> ({enumerators['DMA_FENCE_FLAG_SIGNALED_BIT']})" in condition


def test_the_library_is_sound():
    overlay = library()
    assert overlay.source == "library"
    count = 0
    for struct in overlay.structs():
        for alternatives in overlay.members(struct).values():
            count += 1
            for choice in alternatives:
                assert not any(isinstance(annotation, NotUnderstood) for annotation in choice)
    for name in overlay.globals():
        assert overlay.global_(name)
        assert all(declared.type for declared in overlay.global_(name))
    assert count > 2000


def test_opaque_structs_hide_what_the_library_says(btfs):
    """What stands in for an opaque struct exists in some kernel, and is not larger."""
    names = {name for overlay in map(Overlay.load, OVERLAYS) for name in overlay._table("opaque")}
    assert "bpf_timer" in names
    for name in names - {"bpf_task_work"}:  # 6.18
        fits = [
            (stand_in, struct)
            for btf in btfs
            for struct in structs(btf, name)
            for other in library().opaque(name)
            for stand_in in structs(btf, other)
        ]
        assert fits, name
        assert all(stand_in.size <= struct.size for stand_in, struct in fits), name


# Kernels where a variable has become something else, or where another file has one of the name.
OTHER_TYPES = {
    "cleanup_list": "until 6.1: a struct hlist_head of another file too",
    "pmus": "6.1: an array of AMD's uncore PMUs in another file",
}


def test_variables_have_the_types_that_known_kernels_give_them() -> None:
    """What the library says of a variable is what DWARF says of it, in all kernels of the table."""
    table = global_types()
    seen = 0
    for name in library().globals():
        spellings = {choice.spelling for choice in table.find(name)}
        stated = {
            re.sub(r"\[\d*\]", "[]", choice.type.replace(" *", "*"))
            for choice in library().global_(name)
        }
        seen += bool(spellings)
        if name not in OTHER_TYPES:
            assert spellings <= stated, name
    assert seen > 280
