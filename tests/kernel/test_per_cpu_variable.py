"""Per-CPU variables: what the kernel's image has is no CPU's, and BTF does not know all of them."""

from __future__ import annotations

import pytest

from btfdump._kernel.per_cpu_variable import PerCpuVariable
from btfdump._roots.selecting import objects_at, select
from btfdump._targets.memory import Platform
from btfdump.errors import ExpressionError, FaultError, ObjectNotFoundError
from tests.support.synthetic import World

CPUS = 3
REFUSED = r"is per-CPU: say of which CPU it is to be read, as kernel\.per_cpu\(variable, 0\)"


def at_address(kernel, type_name, text):
    """Return the one object at an address or symbol."""
    (found,) = objects_at(kernel, type_name, text)
    return found


class Areas:
    """A kernel with `counters` in the area of each CPU; `knows` says whether BTF has it."""

    def __init__(self, *, knows: bool) -> None:
        self.world = world = World()
        world.struct("inner", [("value", "int")])
        world.struct(
            "counters",
            [
                ("cpu", "int"),
                ("inner", "struct inner"),
                ("list", "struct list_head"),
                ("next", "struct counters *"),
            ],
            {"list": "counters:list"},
        )
        if knows:
            world.variable("counters", "struct counters")
        self.start = world.room(256)
        areas = [world.room(256) for _ in range(CPUS)]
        self.places = [area + 64 for area in areas]
        for cpu, place in enumerate(self.places):
            world.set(place, "counters.cpu", cpu)
            world.set(place, "counters.inner.value", 10 * cpu)
        world.set(
            self.start + 64, "counters.cpu", 99
        )  # the template, of which this is what is left
        world.per_cpu_offsets = tuple(area - self.start for area in areas)
        world.symbols |= {
            "__per_cpu_start": self.start,
            "counters": self.start + 64,
            "__per_cpu_end": self.start + 256,
            "beyond": self.start + 256,
        }
        self.kernel = world.kernel()


def test_the_template_is_not_read():
    """It is no CPU's, and its memory has been freed: `99` would be a value that nobody has."""
    kernel = Areas(knows=True).kernel
    variable = kernel["counters"]
    assert isinstance(variable, PerCpuVariable)
    assert str(variable.type_) == "struct counters"
    for read in (
        lambda: int(variable.cpu),
        lambda: variable.value_(),
        lambda: variable.inner.value.value_(),
        lambda: variable.next.cpu,
        lambda: variable.next.deref_(),
        lambda: list(variable.list.entries_()),
        lambda: kernel.format(variable),
        lambda: kernel.dump(variable),
    ):
        with pytest.raises(FaultError, match=REFUSED):
            read()
    with pytest.raises(FaultError, match=r"counters\.inner\.value is per-CPU"):
        int(variable.inner.value)
    assert "99" not in repr(variable.cpu)


def test_one_cpus_instance_is():
    areas = Areas(knows=True)
    kernel = areas.kernel
    for cpu in range(CPUS):
        found = kernel.per_cpu(kernel["counters"], cpu)
        assert (found.address_, int(found.cpu)) == (areas.places[cpu], cpu)
        assert int(kernel.per_cpu(kernel["counters"].inner.value, cpu)) == 10 * cpu
    with pytest.raises(IndexError):
        kernel.per_cpu(kernel["counters"], CPUS)


def test_without_smp_the_image_is_what_the_cpu_uses():
    areas = Areas(knows=True)
    areas.world.target._per_cpu_offsets = (0,)
    assert int(areas.kernel["counters"].cpu) == 99


@pytest.mark.parametrize("knows", [True, False])
def test_a_type_and_a_cpu(knows):
    """The symbol tells that it is per-CPU where BTF does not: nothing is read at the offset."""
    kernel = Areas(knows=knows).kernel
    assert kernel.is_per_cpu("counters")
    assert not kernel.is_per_cpu("beyond")
    selected = at_address(kernel, "struct counters", "counters[2].inner.value")
    assert int(selected.value) == 20
    assert at_address(kernel, "struct counters", "counters[1]").is_plain
    with pytest.raises(ExpressionError, match=r"counters is per-CPU: say counters\[0\]"):
        at_address(kernel, "struct counters", "counters")
    with pytest.raises(ObjectNotFoundError, match="CPUs 0 to 2"):
        at_address(kernel, "struct counters", "counters[3]")


def test_a_low_symbol_is_per_cpu_where_the_section_is_not_known(monkeypatch):
    """Dumps of kernels before 6.0 tell of exported symbols only; on s390x, all are low."""
    world = World()
    world.struct("counters", [("cpu", "int")])
    areas = [world.room(64), world.room(64)]
    world.set(areas[1] + 32, "counters.cpu", 7)
    world.per_cpu_offsets = tuple(areas)
    world.symbols["counters"] = 32
    kernel = world.kernel()
    assert not kernel.is_per_cpu("counters")
    monkeypatch.setattr(kernel.target, "platform", Platform("little", 8, "x86_64"))
    assert kernel.is_per_cpu("counters")
    assert int(at_address(kernel, "struct counters", "counters[1]").value.cpu) == 7
    with pytest.raises(ExpressionError, match=r"counters is per-CPU: say counters\[0\]"):
        at_address(kernel, "struct counters", "counters")


def test_a_per_cpu_variable_whose_type_is_not_known():
    kernel = Areas(knows=False).kernel
    with pytest.raises(ExpressionError, match=r"say 'TYPE' counters\[0\]"):
        list(select(kernel, "counters[0].cpu"))


@pytest.mark.parametrize("name", ["tagged", "stock", "stock-7.3", "s390x"])
def test_run_queues(opened, name):
    kernel = opened(name)
    with pytest.raises(FaultError, match="curr is per-CPU"):
        kernel["runqueues"].curr.comm.string_()
    assert [int(kernel.per_cpu(kernel["runqueues"], cpu).cpu) for cpu in range(2)] == [0, 1]
    value = at_address(kernel, "struct rq", "runqueues[1].cpu").value
    assert int(value) == 1


def test_the_template_by_address_is_not_read_either():
    areas = Areas(knows=False)
    kernel, place = areas.kernel, areas.start + 64
    value = kernel.value("struct counters", place)
    with pytest.raises(FaultError, match=r"counters\.cpu is per-CPU"):
        value.cpu.value_()
    with pytest.raises(ExpressionError, match=r"say 'struct counters' counters\[0\]"):
        at_address(kernel, "struct counters", hex(place))
    assert kernel.value("struct counters", areas.places[1]).cpu == 1
    areas.world.per_cpu_offsets = (0,)  # without SMP
    assert areas.world.kernel().value("struct counters", place).cpu == 99
