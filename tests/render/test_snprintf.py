"""`--format snprintf`: the kernel's text, made safe to print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btfdump import _cli as cli
from btfdump._cli.terminal import FAILED, USAGE
from btfdump._decode.short import ShortLayouts
from btfdump._graph.traverse import traverse
from btfdump._kernel.notes import Note
from btfdump._kernel.value_at import value_at
from btfdump._render import Root, get
from btfdump._render.show import snprintf
from btfdump._render.show.snprintf import snprintf_btf
from btfdump.errors import UnusableBtfError
from tests.support.effort import effort
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from btfdump._api.kernel import Kernel
    from btfdump._kernel.value import Value


@pytest.fixture(params=["little", "big"])
def world(request: pytest.FixtureRequest) -> World:
    world = World(request.param)
    world.struct("item", [("id", "int"), ("name", "char[4]"), ("list", "struct list_head")])
    return world


def show(kernel: Kernel, *values: Value, **flags: Any) -> str:
    roots = [Root(traverse(value, zero=bool(flags.get("zero")))) for value in values]
    return "".join(get("snprintf")(roots, kernel.options(**flags)))


def test_the_text_is_that_of_the_library(world: World) -> None:
    address = world.new("item", id=7, name=b"abc")
    kernel = world.kernel()
    item = kernel.value("struct item", address)
    cases: tuple[dict[str, Any], ...] = (
        {},
        {"zero": True},
        {"noname": True},
        {"ptr_raw": True, "zero": True},
    )
    for flags in cases:
        exact = snprintf_btf(kernel.btf, item.type_.id, item.bytes_(), **flags)
        assert show(kernel, item, **flags) == exact.decode("latin-1")
    assert show(kernel, item, compact=True) == (
        "(struct item){.id = (int)7,.name = (char[])['a','b','c',],}\n"
    ), "a newline ends the line that the kernel does not end"


def test_roots_follow_each_other_and_nothing_else_is_printed(world: World) -> None:
    first, second = world.new("item", id=1), world.new("item", id=2)
    head = world.new("list_head")
    world.link_list(head, [first + 8, second + 8])
    kernel = world.kernel()
    values = [kernel.value("struct item", at).id for at in (first, second)]
    assert show(kernel, *values) == "(int)1\n(int)2\n"
    assert show(kernel, kernel.value("struct list_head", head)).count("\n") == 4


def test_a_container_is_its_head(opened: Callable[[str], Kernel]) -> None:
    kernel = opened("tagged")
    children = kernel["init_task"].children
    assert show(kernel, children) == (
        "(struct list_head){\n"
        f" .next = (struct list_head *){int(children.next):#018x},\n"
        f" .prev = (struct list_head *){int(children.prev):#018x},\n"
        "}\n"
    )


def test_what_could_act_on_a_terminal_is_made_visible(world: World) -> None:
    address = world.new("item", name=b"\x1b\xe9\xa0\xff")
    item = world.kernel().value("struct item", address)
    text = show(world_kernel(item), item)
    assert "  27,\n  'é',\n  '\\xa0',\n  'ÿ',\n" in text


def world_kernel(value: Value) -> Any:
    return value._context_


def test_unreadable_objects_are_a_line(world: World) -> None:
    address = world.new("item", id=7)
    kernel = world.kernel()
    values = [kernel.value("struct item", at) for at in (0x10, address)]
    lines = show(kernel, *values).splitlines()
    assert lines[0].startswith("/* ! struct item at 0x10: unreadable: ")
    assert lines[1:] == ["(struct item){", " .id = (int)7,", "}"]


def test_notes_on_the_object_are_seen_by_who_counts_them(world: World) -> None:
    address = world.room(4)
    kernel = world.kernel()
    value = kernel.value("struct item", address)  # only its first bytes are there
    seen: list[str] = []

    def counted() -> Iterator[Any]:
        for event in traverse(value):
            seen.extend([event.text] if isinstance(event, Note) else [])
            yield event

    text = "".join(get("snprintf")([Root(counted())], kernel.options()))
    assert text.startswith("/* ! struct item at ")
    assert len(seen) == 1


def test_bit_fields_have_no_address() -> None:
    world = World()
    world.struct("s", [("a", "int", 3), ("b", "int", 5)])
    address = world.new("s")
    kernel = world.kernel()
    line = show(kernel, kernel.value("struct s", address).b)
    assert line.endswith("cannot be printed: a bit field has no address */\n")


# The command line


def test_the_command_prints_the_exact_text(
    sample: Callable[[str], Path],
    opened: Callable[[str], Kernel],
    capsys: pytest.CaptureFixture[str],
) -> None:
    task = opened("tagged").task(1)
    for options in ([], ["--zero"], ["--compact", "--noname"], ["--ptr-raw", "--zero"]):
        flags: Any = {option[2:].replace("-", "_"): True for option in options}
        exact = snprintf_btf(task.type_.btf, task.type_.id, task.bytes_(), **flags)
        command = ["inspect", str(sample("tagged")), "task", "1", "--format", "snprintf"]
        assert cli.main([*command, *options]) == 0
        expected = exact.decode("latin-1") + "\n" * ("--compact" in options)
        assert capsys.readouterr().out == expected


def test_flags_without_the_format_are_not_understood(
    sample: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["inspect", str(sample("tagged")), "task", "1", "--compact", "--ptr-raw"]
    assert cli.main(command) == USAGE
    assert "--compact, --ptr-raw: for --format snprintf only" in capsys.readouterr().err


def test_an_unreadable_root_fails(
    sample: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["inspect", str(sample("tagged")), "struct file", "0x10", "--format", "snprintf"]
    assert cli.main(command) == FAILED
    assert capsys.readouterr().out == "/* ! struct file at 0x10: unreadable: not mapped */\n"


def test_what_cannot_be_printed_fails(
    sample: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = "task(1).sched_reset_on_fork"
    assert cli.main(["inspect", str(sample("tagged")), root, "--format", "snprintf"]) == FAILED
    assert capsys.readouterr().out.endswith("cannot be printed: a bit field has no address */\n")


def test_what_a_short_object_lacks_is_not_made_up_without_a_bound(world: World) -> None:
    """All 4 GiB of zeros that its type has were made in memory."""
    vast = world.b.struct("vast", 0xFFFFFFFF, [("x", world.b.int_("u64", 8), 0)])
    address = world.new("item", id=7)
    kernel = world.kernel()
    layouts = kernel.layouts
    value = kernel.value("struct vast", address)
    short = ShortLayouts(layouts).of(layouts.of(kernel.btf.type(vast)), 8)
    assert short is not None
    text = show(kernel, value._shortened_(short))
    assert text.endswith("cannot be printed: 4294967295 bytes are too large to be real */\n")


def test_an_object_of_too_many_values_is_not_printed() -> None:
    """It took a minute: 16 MiB, in structs of one byte each."""
    world = World()
    one = world.b.struct("one", 1, [("x", world.b.int_("byte", 1), 0)])
    many = world.b.struct("many", 5000, [("all", world.b.array(one, 5000), 0)])
    kernel = world.kernel()
    with pytest.MonkeyPatch.context() as patch, effort(400_000):
        patch.setattr(snprintf, "_FREE_STEPS", 1000)
        patch.setattr(snprintf, "_STEPS", 8000)
        refused = pytest.raises(UnusableBtfError, match=r"^struct many has too many values to be")
        with refused:
            snprintf_btf(kernel.btf, many, bytes(4999) + b"\1")


def test_a_variable_of_the_type_of_a_variable_is_not_printed(world: World) -> None:
    """It has no size of its own, though the kernel gives it one."""
    address = world.new("item", id=7)
    inner = world.b.var("inner", world.b.int_("evil", 4))
    outer = world.b.var("outer", inner)
    kernel = world.kernel()
    text = show(kernel, value_at(kernel, kernel.btf.type(outer), address))
    assert text.startswith("/* ! ")
    assert "cannot be printed" in text


def test_a_value_of_the_type_of_a_variable_is_not_read_past_its_end(world: World) -> None:
    """A member may have such a type in BTF that lies; the kernel shows what the variable is of."""
    address = world.new("item", id=7)
    variable = world.b.var("variable", world.b.struct("of", 8))
    kernel = world.kernel()
    text = show(kernel, value_at(kernel, kernel.btf.type(variable), address))
    assert text.startswith("/* ! ")
    assert "the kernel takes it for 8 bytes, not 0" in text
