from __future__ import annotations

import pytest
from drgn import ObjectNotFoundError, sizeof
from drgn.helpers.linux.cpumask import cpumask_of, for_each_cpu
from drgn.helpers.linux.percpu import per_cpu

from btfdump import drgn as plugin
from btfdump._annotate.overlay import Overlay
from tests.support.drgn_programs import DOUBT, open_program, program_with
from tests.support.loaded_modules import load
from tests.support.synthetic import World


@pytest.fixture
def world() -> World:
    world = World()
    world.struct("item", [("number", "int")])
    world.enum("kind", {"PLAIN": 0, "ODD": 3})
    world.variable("counter", "int")
    world.symbols["counter"] = world.new("item", number=7)
    world.symbols["untold"] = world.new("item")
    return world


def test_variables_and_enumerators(world) -> None:
    prog, _ = program_with(world.kernel())
    assert prog["counter"].value_() == 7
    assert prog["counter"].address_ == world.symbols["counter"]
    assert prog.constant("ODD").value_() == 3
    assert prog["ODD"].type_.type_name() == "enum kind"


def test_what_does_not_exist_is_not_found(world) -> None:
    prog, _ = program_with(world.kernel())
    for ask in (prog.variable, prog.constant, prog.function, prog.object):
        with pytest.raises(ObjectNotFoundError):
            ask("nothing")
    with pytest.raises(ObjectNotFoundError):
        prog.function("counter")
    with pytest.raises(ObjectNotFoundError):
        prog.constant("untold")


def test_a_variable_without_a_known_type_is_no_missing_one(world) -> None:
    prog, _ = program_with(world.kernel())
    for ask in (prog.variable, prog.object, prog.__getitem__):
        with pytest.raises(DOUBT, match=r"the type of untold \(at 0x\w+\) is not known"):
            ask("untold")


def test_modules_have_enumerators_and_variables_of_their_own(world) -> None:
    kernel = world.kernel()

    def fill(build):
        build.enum("of_module", [("MODULE_ONLY", 9)], size=4)

    load(kernel, {"odd": fill}, (0xFFFF_8880_0010_0000, "odd", "hidden"))
    prog, _ = program_with(kernel)
    assert prog["MODULE_ONLY"].value_() == 9
    with pytest.raises(DOUBT, match="does not describe the variables of odd"):
        prog["hidden"]


def test_an_overlay_tells_a_type(world) -> None:
    overlay = Overlay('[global]\nuntold = "struct item"\n', "mine")
    prog, _ = program_with(world.kernel([overlay]))
    assert prog["untold"].type_.type_name() == "struct item"


def test_variables_of_a_kernel(program) -> None:
    prog = program("stock")
    assert prog["init_task"].type_.type_name() == "struct task_struct"
    assert prog["init_task"].comm.string_() == b"swapper/0"
    assert per_cpu(prog["runqueues"], 1).cpu.value_() == 1
    assert prog.object("log_buf", filename="printk.c").type_.type_name() == "char *"


def test_functions_of_a_kernel(program) -> None:
    prog = program("stock")
    schedule = prog.function("schedule")
    assert schedule.address_ == prog.symbol("schedule").address
    assert schedule.type_.type_name() == "void (void)"
    assert prog["vfs_read"].type_.parameters[0].name == "file"
    with pytest.raises(ObjectNotFoundError):
        prog.variable("schedule")
    with pytest.raises(DOUBT, match="BTF does not describe it"):
        prog.function("entry_SYSCALL_64")


def test_static_names_that_several_have_are_refused(program) -> None:
    prog = program("stock")
    with pytest.raises(DOUBT, match=r"symbols are called"):
        prog.variable("attr_group")


def test_an_array_that_reaches_to_the_next_symbol_has_no_padding(program) -> None:
    """16 pointers fit between task_state_array and the next symbol, and 9 are set."""
    assert sizeof(program("stock")["task_state_array"]) == 9 * 8


def test_an_array_of_arrays_is_refused_rather_than_flat(program, sample, tmp_path) -> None:
    """Where an element is expected to be an array, one of a flat array is something else."""
    with pytest.raises(DOUBT, match=r"is an array of arrays, long unsigned int\[8320\] in all"):
        program("stock")["cpu_bit_bitmap"]
    with pytest.raises(DOUBT, match="state its type in an overlay"):
        cpumask_of(program("stock"), 1)
    overlay = tmp_path / "mine.toml"
    overlay.write_text('[global]\ncpu_bit_bitmap = "unsigned long [65][128]"\n', "utf-8")
    prog = open_program(sample("stock"))
    plugin.attach(prog, overlays=[overlay])
    assert list(for_each_cpu(cpumask_of(prog, 1))) == [1]
