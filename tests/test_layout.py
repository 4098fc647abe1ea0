"""Tests are under the name of what they test: tests/<room>/test_<module>.py, or named here."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "btfdump"
SMALL = 80
"""Lines of a module that the tests of its room may cover."""

# Larger modules that another file tests, and the file.
COVERED = {
    "graph/fitted.py": "graph/test_telling.py",
    "decode/budget.py": "decode/test_bombs.py",
    # A program's kernel: seen in what drgn is told of it.
    "targets/via_drgn/program.py": "test_drgn.py",
    # Words, as the vocabulary has them.
    "meaning/named.py": "meaning/test_vocabulary.py",
    # Seen in the facts that it makes.
    "annotate/annotations.py": "annotate/test_facts.py",
    "annotate/statements.py": "annotate/test_facts.py",
    # Descriptions that are read together with what they describe.
    "graph/events.py": "graph/test_window.py",
    # One plan and one emitter, compared with the reference through each of their sinks.
    "decode/compiled/emitter.py": "decode/compiled/test_fields.py",
    # A plan of hops is compiled and compared with ways from value to value.
    "decode/compiled/hops.py": "kernel/test_following.py",
    "roots/stack_objects.py": "roots/test_stack.py",
    "system/waiters/every.py": "system/waiters/test_queues.py",
    "tables/form.py": "tables/test_columns.py",
    # Columns, seen in the tables that have them.
    "tables/functions/__init__.py": "tables/test_columns.py",
    "tables/functions/files.py": "roots/test_declared.py",
    # The traversal, seen in what is rendered of it.
    "graph/edge.py": "annotate/test_shown.py",
    "graph/fields.py": "annotate/test_shown.py",
    "graph/leads.py": "graph/test_readers.py",
    "graph/rules/__init__.py": "annotate/test_shown.py",
    "graph/state.py": "kernel/test_definitions.py",
    # Every renderer shows the same small kernel: the goldens are their specification.
    "render/json_text.py": "render/test_goldens.py",
    "render/lines.py": "render/test_goldens.py",
    "render/outline.py": "render/test_goldens.py",
    "render/painter.py": "render/test_goldens.py",
    "render/text.py": "render/test_goldens.py",
    "render/tree.py": "render/test_goldens.py",
    # Maps are compared with what was recorded of all of them.
    "bpf/maps/redirects.py": "bpf/maps/test_maps.py",
    # Words in the comments of definitions.
    "reports/sayings.py": "reports/test_definitions.py",
    # Variables as values: seen in the objects that drgn is given of them.
    "kernel/variables.py": "drgn/test_objects.py",
    # What a Value reads with.
    "kernel/object_bytes.py": "kernel/test_value.py",
    # Interfaces: what is behind them is tested.
    "kernel/services.py": "kernel/test_modules.py",
    "kernel/typed.py": "kernel/test_entries.py",
    # A header, compiled and compared: seen in what the compiler makes of it.
    "btf/c/definition.py": "btf/c/test_header.py",
    "btf/c/names.py": "btf/c/test_header.py",
    "btf/c/order.py": "btf/c/test_header.py",
    "btf/c/packing.py": "btf/c/test_header.py",
    # The front door.
    "__init__.py": "test_public_api.py",
}

# Files and folders of tests that no one module is tested by, and what they test.
ACROSS = {
    "fuzz": "fuzz/, which is no part of the package",
    "docs": "every example of the documentation",
    "guests": "booted kernels",
    "render/test_interest.py": "what a tree shows first, and what it has on one line",
    "sample_build": "sample_dumps/build, which is no part of the package",
    "annotate/test_context.py": "facts that depend on the place",
    "annotate/test_guest_memfd.py": "the library on what no sample dump has",
    "annotate/test_library.py": "the library against real BTF",
    "annotate/test_on_real_kernels.py": "every form of a tag on the kernels' own data",
    "annotate/test_proven.py": "the library against real memory",
    "annotate/test_settings.py": "what the library says of global variables",
    "annotate/test_shown.py": "what annotations change in the output",
    "bpf/test_tables_damaged.py": "all tables of BPF on damaged memory",
    "btf/test_malformed.py": "blobs damaged at random",
    "btf/test_real_kernels.py": "BTF of real kernels",
    "btf/test_roundtrip.py": "building and reading as inverses",
    "decode/test_bombs.py": "types that every reader refuses",
    "drgn/test_crash_commands.py": "drgn's own commands of the crash utility",
    "drgn/test_helpers.py": "drgn's own helpers, and what they do without a declaration",
    "drgn/test_stacks.py": "stack traces against DWARF",
    "meaning/test_macros.py": "tables of macros against the headers of kernels",
    "render/test_goldens.py": "every format on one small kernel",
    "render/test_streaming.py": "every format as its memory is read",
    "render/test_twice.py": "every format on events that were rendered before",
    "targets/test_kdump_formats.py": "the dumps that tests make",
    "tables/test_damaged.py": "all declared tables on damaged memory",
    "test_containers_ground_truth.py": "containers of real kernels against DWARF",
    "test_corrupt_dump.py": "a real dump with damage",
    "test_fuzz.py": "memory that lies",
    "test_garden.py": "the module with one of every container",
    "test_objects.py": "objects of a real kernel, as a reader sees them",
    "test_kernel_ground_truth.py": "objects of real kernels against DWARF",
    "test_summaries_ground_truth.py": "objects of real kernels in one line, as those told them",
    "test_layout.py": "this",
    "test_public_api.py": "the names that are public",
    "test_scalars_ground_truth.py": "what values of real kernels mean against DWARF",
    "test_version.py": "the version",
}

# By room, without the underscore that says that it is not for users.
PATHS = {Path(str(path.relative_to(PACKAGE)).lstrip("_")): path for path in PACKAGE.rglob("*/*.py")}
PATHS |= {Path(path.name): path for path in PACKAGE.glob("*.py")}
MODULES = sorted(PATHS)
FILES = {str(path.relative_to(TESTS)) for path in TESTS.rglob("test_*.py")}


def named_after(module: Path) -> str:
    """Return where the tests of a module are, by its name."""
    name = module.stem if module.stem != "__init__" else module.parent.name or PACKAGE.name
    return str(module.parent / f"test_{name}.py")


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_has_its_tests_under_its_name(module: Path) -> None:
    other = COVERED.get(str(module))
    if named_after(module) in FILES:
        assert other is None, f"{module} has tests of its own: take it off COVERED"
    elif len(PATHS[module].read_text("utf-8").splitlines()) > SMALL:
        assert other in FILES, f"{module} has no {named_after(module)}, and is not on COVERED"
    else:
        assert other is None, f"{module} is small: take it off COVERED"


@pytest.mark.parametrize("file", sorted(FILES))
def test_a_file_of_tests_is_named_after_a_module(file: str) -> None:
    names = {named_after(module) for module in MODULES}
    across = file in ACROSS or file.partition("/")[0] in ACROSS
    assert across != (file in names), f"{file}: name a module, or put it on ACROSS"


def test_what_is_named_here_is_there() -> None:
    assert {Path(module) for module in COVERED} <= set(MODULES)
    assert {name for name in ACROSS if not (TESTS / name).exists()} == set()
