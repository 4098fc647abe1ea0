"""The figures of a kernel and its modules, as text and as JSON."""

from __future__ import annotations

import json

from btfdump._annotate.coverage import LINK, UNKNOWN, Known
from btfdump._annotate.headcount import HeadCount
from btfdump._render.headcount import render_json, render_text


def counts() -> dict[str, HeadCount]:
    kernel, modules = HeadCount(), HeadCount()
    kernel.add(
        "vmlinux",
        [
            Known("box", "items", "list_head", "library", "item:one"),
            Known("box", "others", "list_head", UNKNOWN),
            Known("item", "one", "list_head", LINK),
        ],
    )
    modules.add("nothing", [])
    modules.add("evil\x1b", [Known("e", "list", "list_head", UNKNOWN, "one of \x1b")])
    return {"vmlinux": kernel, "modules": modules}


def test_figures() -> None:
    assert "".join(render_text("6.12", counts(), unknown=False)) == (
        "6.12:\n"
        "                      heads  typed  unknown  share  by broad lines  share without  links\n"
        "  vmlinux  list_head      2      1        1  50.0%               0          50.0%      1\n"
        "  vmlinux  others         0      0        0      -               0              -      0\n"
        "  modules  list_head      1      0        1   0.0%               0           0.0%      0\n"
        "  modules  others         0      0        0      -               0              -      0\n"
        "  modules: 1 of 2 have heads; in 1 none is typed\n"
        "  most unknown: evil\\x1b 1\n"
        "\n"
    )


def test_unknown_heads_by_module() -> None:
    text = "".join(render_text("6.12", counts(), unknown=True))
    assert text.endswith(
        "\n"
        "vmlinux: 1 unknown\n"
        "  list_head        box.others\n"
        "\n"
        "evil\\x1b: 1 unknown\n"
        "  list_head        e.list  one of \\x1b\n"
        "\n"
    )


def test_json() -> None:
    (kernel,) = json.loads("".join(render_json([("6.12", counts())])))
    assert kernel["kernel"] == "6.12"
    assert kernel["vmlinux"]["heads"]["list_head"] == {
        "typed": 1, "unknown": 1, "by_broad": 0, "links": 1,
        "share": 0.5, "share_without_broad": 0.5,
    }  # fmt: skip
    assert kernel["modules"]["untyped"] == ["evil\x1b"]
    assert kernel["modules"]["unknown"] == {
        "evil\x1b": [{"head": "list_head", "struct": "e", "member": "list"}]
    }
