"""What macros are worth, by headers that are written here."""

from __future__ import annotations

import json

import pytest

from sample_dumps.build import macros
from sample_dumps.build.macros import UNKNOWN, Definitions

HEADER = """
#define PLAIN 0x10 /* in hexadecimal
   and explained over two lines */
#define OCTAL\t0200UL
#define SUM (PLAIN | \\
             OCTAL) // both
#define NEGATIVE (-1)
#define SHIFTED ((__force flags_t)(1U << 3))
#define CAST ((flags_t __force)BIT(4))
#define TWICE(x) ((x) * 2)
#define CALLED TWICE(PLAIN)
#define PASTED(name) BIT(NUMBER_ ## name ## _BIT)
#define OF_PASTED PASTED(OF)
#define ITSELF ITSELF + 1
#define ROUND ABOUT
#define ABOUT ROUND
#define TEXT "text"
#define EMPTY
#define ELSEWHERE (1 << FROM_ANOTHER_HEADER)
#define OPTIONAL (0x40 * IS_ENABLED(CONFIG_OPTION))
#ifdef CONFIG_A
#define EITHER 0x1
#else
#define EITHER 0x2
#endif
#define ON_EITHER (EITHER << 4)
enum numbers {
    NUMBER_ZERO,
    NUMBER_ONE, /* by its place */
    NUMBER_OF_BIT = 5,
    NUMBER_SIX,
#ifdef CONFIG_B
    NUMBER_MAYBE,
#endif
    NUMBER_AFTER,
    NUMBER_SURE = SHIFTED,
    NUMBER_NEXT,
};
#define NUMBER_ONE NUMBER_ONE
"""
VALUES = {
    "PLAIN": 0x10,
    "OCTAL": 0o200,
    "SUM": 0x90,
    "NEGATIVE": -1,
    "SHIFTED": 8,
    "CAST": 16,
    "CALLED": 32,
    "OF_PASTED": 32,
    "ITSELF": UNKNOWN,
    "ROUND": UNKNOWN,
    "TEXT": UNKNOWN,
    "EMPTY": UNKNOWN,
    "ELSEWHERE": UNKNOWN,
    "OPTIONAL": [0, 0x40],
    "EITHER": [1, 2],
    "ON_EITHER": [16, 32],
    "NUMBER_ZERO": 0,
    "NUMBER_ONE": 1,
    "NUMBER_OF_BIT": 5,
    "NUMBER_SIX": 6,
    "NUMBER_MAYBE": UNKNOWN,
    "NUMBER_AFTER": UNKNOWN,
    "NUMBER_SURE": 8,
    "NUMBER_NEXT": 9,
}


@pytest.mark.parametrize("name", VALUES)
def test_a_name_is_worth_what_the_compiler_says(name):
    assert Definitions([HEADER]).worth(name) == VALUES[name]


def test_the_first_header_that_defines_a_name_has_it():
    definitions = Definitions(["#define FLAG 1", "#ifndef FLAG\n#define FLAG 2\n#endif"])
    assert definitions.worth("FLAG") == 1


def test_macros_with_parameters_stand_for_no_value():
    assert Definitions(["#define ONE 1\n#define OF(x) (x)"]).names()[-1] == "ONE"
    assert "OF" not in Definitions(["#define OF(x) (x)"]).names()


@pytest.fixture
def trees(tmp_path):
    def tree(name, release, files):
        parts = zip(("VERSION", "PATCHLEVEL", "SUBLEVEL"), release, strict=True)
        text = "".join(f"{part} = {number}\n" for part, number in parts)
        for path, content in {"Makefile": text, **files}.items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        return tmp_path / name

    return tree


def test_releases_are_told_apart_and_trees_of_one_complement_one_another(trees, monkeypatch):
    family = {"headers": ["a.h", "b.h"], "names": "F_[A-Z]+", "but": "F_MASK"}
    enum = {"headers": ["a.h"], "names": "F_[A-Z]+", "unless": r"enum f \{"}
    monkeypatch.setattr(macros, "families", lambda: {"flags": family, "older": enum})
    folders = [
        trees("new", (6, 12, 3), {"a.h": "enum f { F_SAME = 1, F_MOVED = 4, F_NEW = 8 };"}),
        trees("old", (6, 1, 30), {"a.h": "#define F_SAME 1\n#define F_MOVED 2\n"}),
        trees("rest", (6, 1, 30), {"b.h": "#define F_GONE 0x10\n#define F_MASK 0xff\n"}),
    ]
    assert json.loads(macros.build(folders)) == {
        "releases": ["6.1.30", "6.12.3"],
        "flags": {"F_SAME": 1, "F_MOVED": [2, 4], "F_GONE": [16, None], "F_NEW": [None, 8]},
        "older": {"F_SAME": [1, None], "F_MOVED": [2, None]},
    }


def test_what_an_architecture_says_otherwise_is_said_of_it(trees, monkeypatch):
    family = {"headers": ["arch/{arch}/a.h", "generic.h"], "names": "O_[A-Z]+"}
    monkeypatch.setattr(macros, "families", lambda: {"open": family})
    generic = "#define O_SAME 1\n#ifndef O_OTHER\n#define O_OTHER 2\n#endif\n"
    files = {"generic.h": generic, "arch/arm64/a.h": "#define O_OTHER 4\n"}
    assert json.loads(macros.build([trees("tree", (6, 1, 0), files)])) == {
        "releases": ["6.1.0"],
        "open": {"O_SAME": 1, "O_OTHER": 2},
        "open.arm64": {"O_OTHER": 4},
    }
