"""What overlays say of summaries, against the types of a kernel."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import btfdump._annotate.overlay as overlay_module
from btfdump._annotate.overlay import Overlay
from btfdump._annotate.summaries import bad_summary, fit, summary_of
from btfdump._annotate.template import Around, Optional, templates
from tests.support.synthetic import World

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.fixture
def world() -> World:
    world = World()
    world.struct("owner", [("id", "u32")])
    world.struct("base", [("kind", "u32"), ("owner", "struct owner *"), ("private", "void *")])
    world.struct("outer", [("first", "u64"), ("base", "struct base"), ("list", "u32[4]")])
    world.enum("kinds", {"KIND_A": 7})
    return world


def fitted(world, text, struct="base"):
    """Return a template as it fits, and what does not."""
    kernel = world.kernel([])
    complaints: list[str] = []
    (template,) = templates(text)
    return fit(template, kernel.type(f"struct {struct}"), kernel.lookup, complaints), complaints


def test_structs_around_an_object_are_found(world):
    template, complaints = fitted(world, "{(outer:base).first} {private.(owner).id} {owner.id}")
    assert not complaints
    outer, private, _ = (slot.steps for slot in template.slots())
    assert isinstance(outer[0], Around)
    assert (outer[0].struct.name, outer[0].offset) == ("outer", 8)
    assert isinstance(private[1], Around)
    assert (private[1].struct.name, private[1].offset) == ("owner", 0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{nosuch}", "no member nosuch: struct base has no nosuch"),
        ("{owner.nosuch}", "no member owner.nosuch: struct owner has no nosuch"),
        ("{(outer:nosuch).first}", "struct outer has no member nosuch"),
        ("{(nosuch:base).first}", "no struct nosuch in the BTF"),
        ("{(outer:base).list[1].x}", None),
    ],
)
def test_what_does_not_fit(world, text, complaint):
    template, complaints = fitted(world, text)
    if complaint is None:  # what leads to no struct is not looked at
        assert template is not None
    else:
        assert (template, complaints) == (None, [complaint])


def test_an_optional_part_that_does_not_fit_is_left_out(world):
    template, complaints = fitted(world, "{kind}[ {nosuch}][ {owner.id}]")
    assert complaints == ["no member nosuch: struct base has no nosuch"]
    assert [type(part) for part in template.parts[1:]] == [Optional]


def test_enumerators_in_conditions(world):
    template, _ = fitted(world, {"cond": "kind == KIND_A", "text": "a[?kind == KIND_A?b]"})
    assert template.condition == "kind == 7"
    assert template.parts[1].condition == "kind == 7"


def stated(text):
    return Overlay(f"[summary]\nbase = {text}\n", "overlay mine")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('["kind"]', []),
        ('["kind", "nosuch.x"]', ["no member nosuch.x"]),
        ('"{kind}[ {nosuch}]"', ["no member nosuch: struct base has no nosuch"]),
        ('[{ text = "{nosuch}" }, { text = "{kind}" }]', []),
        ('[{ text = "{nosuch}" }, { text = "{nosuch}" }]',
         ["no member nosuch: struct base has no nosuch"]),
    ],
)  # fmt: skip
def test_mistakes_of_a_user_are_said(world, text, said):
    kernel = world.kernel([])
    found = bad_summary(stated(text), kernel.type("struct base"), "base", kernel.lookup)
    assert found == [f"overlay mine: summary of struct base: {one}" for one in said]


def test_the_first_overlay_counts():
    plain, words = stated('["kind"]'), stated('"{owner.id}"')
    assert summary_of([(plain, "base"), (words, "base")]) == ("kind",)
    assert summary_of([(words, "base"), (plain, "base")]) == templates("{owner.id}")
    assert summary_of([(plain, "nothing")]) == ()


SEE = re.compile(r"[\w/-]+/[\w.-]+\.[chS](: (\w+\(\)|struct \w+|enum \w+|[A-Z_]+))?([,:;]? .+)?")


def stated_in_the_library():
    """Yield (file, struct, one template as it is written) for each of them."""
    for path in sorted((Path(overlay_module.__file__).parent / "overlays").glob("*.toml")):
        for struct, entry in tomllib.loads(path.read_text("utf-8")).get("summary", {}).items():
            choices = entry if isinstance(entry, list) else [entry]
            for choice in choices:
                if not isinstance(choice, str):
                    yield path.name, struct, choice


def test_every_template_of_the_library_says_where_the_source_shows_it():
    found = list(stated_in_the_library())
    assert len(found) > 50
    for file, struct, choice in found:
        assert SEE.fullmatch(choice["see"]), f"{file}: {struct}: {choice['see']}"


def test_every_template_of_the_library_fits_a_kernel(opened):
    """And so does each of its optional parts, in some kernel that is at hand."""
    kernels = [opened(name) for name in ("stock", "stock-7.3", "s390x")]
    # Sizes of modules until 6.3; dentries before and since 7.0; a name that Debian leaves out;
    # locks of PREEMPT_RT.
    elsewhere = {"module", "mutex", "rw_semaphore", "page", "folio", "inode", "vm_area_struct"}
    for file, struct, choice in stated_in_the_library():
        (template,) = templates(choice)
        wrong = []
        for kernel in kernels:
            complaints: list[str] = []
            for one in kernel.lookup.structs(struct, kernel.btf):
                if fit(template, one, kernel.lookup, complaints) is not None:
                    break
            else:
                complaints.append(f"no struct {struct}")
            wrong.append(complaints)
        assert not all(wrong) or struct in elsewhere, f"{file}: {struct}: {wrong}"
