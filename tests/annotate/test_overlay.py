"""Overlay files: what they may say, and how a mistake is reported."""

from __future__ import annotations

import pytest

from btfdump._annotate.grammar import Contains, Length, Show
from btfdump._annotate.overlay import Global, Overlay, library
from btfdump._annotate.template import templates
from btfdump.errors import AnnotationError


def load(tmp_path, text: str) -> Overlay:
    path = tmp_path / "mine.toml"
    path.write_text(text, "utf-8")
    return Overlay.load(path)


def test_a_file_without_an_end_is_refused(tmp_path):
    with pytest.raises(AnnotationError, match="/dev/zero: is a character device"):
        Overlay.load("/dev/zero")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(40 << 30)
    with pytest.raises(AnnotationError, match="has 42949672960 bytes; expected an overlay"):
        Overlay.load(tmp_path / "sparse")


def test_a_file_that_is_nested_without_end_is_refused(tmp_path):
    with pytest.raises(AnnotationError):
        load(tmp_path, "[struct.a]\nx = " + "[" * 50_000)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b'[struct.a]\nx = "\xff:b"')
    with pytest.raises(
        AnnotationError, match=r"toml: is not UTF-8 text \(byte 0xff at offset 16\)"
    ):
        Overlay.load(path)


def test_an_expression_without_an_end_is_refused(tmp_path):
    """It took half a minute: each alternative is sought in the BTF."""
    choices = " ?: ".join(f"A{number}" for number in range(20_000))
    with pytest.raises(AnnotationError, match=r"it has \d+ characters, more than 4096") as raised:
        load(tmp_path, f'[struct.a]\nx = [["skip:{choices} ?: 1", "a:b"]]')
    assert len(str(raised.value)) < 500
    with pytest.raises(AnnotationError, match="it has 101 alternatives"):
        load(tmp_path, '[struct.a]\nx = "cond:' + "A ?: " * 100 + '1"')


def test_every_entry_form(tmp_path):
    overlay = load(
        tmp_path,
        """
# a comment
[struct.a]
one = "item:link"
"dotted.path" = ["item:link", "item:other"]
rich = { tag = "len:count", see = "somewhere.c: here()" }
many = { tags = ["len:count", "show:hex"] }

[summary]
a = ["one", "dotted.path"]
told = [
    { cond = "one", text = "{one}" },
    { text = "{dotted.path}" },
]

[global]
plain = "unsigned long"
array = "char[256]"
list = { type = "struct list_head", tag = "item:link", see = "x.c" }

[struct.b]
x = "string"

[struct.c]

[struct.c.more]
tag = "item:link"
""",
    )
    assert overlay.source == "overlay mine.toml"
    assert overlay.structs() == ["a", "b", "c"]
    assert overlay.members("c") == {"more": ((Contains("item", "link"),),)}
    assert overlay.members("a") == {
        "one": ((Contains("item", "link"),),),
        "dotted.path": ((Contains("item", "link"),), (Contains("item", "other"),)),
        "rich": ((Length("count"),),),
        "many": ((Length("count"), Show("hex")),),
    }
    assert overlay.members("nothing") == {}
    assert overlay.summary("a") == ("one", "dotted.path")
    assert overlay.summary("b") is None
    assert overlay.summary("told") == templates(
        [{"cond": "one", "text": "{one}"}, {"text": "{dotted.path}"}]
    )
    assert overlay.globals() == ["plain", "array", "list"]
    assert overlay.global_("plain") == (Global("unsigned long"),)
    assert overlay.global_("list") == (Global("struct list_head", ((Contains("item", "link"),),)),)
    assert overlay.global_("nothing") == ()


def test_names_may_say_which_of_several_structs_is_meant(tmp_path):
    overlay = load(
        tmp_path,
        """
[struct.console]
a = "show:hex"
[struct."console@13447"]
b = "show:hex"
[struct."snd-hda : struct  console"]
c = "show:hex"
[summary]
"struct console@13447" = ["b"]
[global]
consoles = { type = "struct console@13447 *[2]", tag = "struct console@13447:next" }
""",
    )
    names = ["struct console@13447", "snd_hda:struct console", "console"]
    assert sorted(overlay.structs()) == sorted(names)
    assert overlay.names_of("console") == tuple(names)
    assert [list(overlay.members(name)) for name in names] == [["b"], ["c"], ["a"]]
    assert overlay.summary(names[0]) == ("b",)
    assert overlay.names_of("other") == ("other",)
    assert overlay.global_("consoles")[0].type == "struct console@13447 *[2]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[struct."console@x"]', r"struct\.console@x: expected the name of a struct, MODULE:NAME"),
        ('[struct."console *"]', "expected the name of a struct"),
        ('[summary]\n"a b" = []', r"summary\.a b: expected the name of a struct"),
        ('[struct."a@7"]\n[struct."struct a@7"]', "struct a@7 is there twice"),
        ('[global]\na = "struct b@"', r"global\.a: expected a C type: 'struct b@' is not a type"),
        ('[global]\na = "u8[]"', "expected a C type"),
    ],
)
def test_names_that_mean_no_struct(tmp_path, text, message):
    with pytest.raises(AnnotationError, match=message):
        load(tmp_path, text + "\n")


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        (
            "cond:a & b == c",
            r"tag 'cond:a & b == c' is ambiguous: in C, == binds closer than &; put",
        ),
        ("skip:flags & (NEW ?: OLD ?: 63", "is not an expression"),
        ("len:count(", "uses more than members and arithmetic"),
    ],
)
def test_expressions_that_are_none(tmp_path, tag, message):
    """They are refused at once, not at each object that they are about."""
    with pytest.raises(AnnotationError, match=rf"mine\.toml: job\.items: .*{message}"):
        load(tmp_path, f'[struct.job]\nitems = {{ tags = ["{tag}"] }}\n')
    load(tmp_path, '[struct.job]\nitems = "skip:!(flags >> (NEW ?: OLD ?: 63) & 1) && a->b.c"\n')


def test_a_variable_may_be_several_things(tmp_path):
    text = """
[global]
all = [{ type = "struct list_head", tag = "item:link", proven = true }, "struct item *"]
"""
    overlay = load(tmp_path, text)
    assert overlay.global_("all") == (
        Global("struct list_head", ((Contains("item", "link"),),)),
        Global("struct item *"),
    )
    assert overlay.is_proven("", "all")
    assert not overlay.is_proven("", "none")


def test_a_variable_of_the_library_is_what_the_whole_table_says():
    """It is cut out and parsed by itself: a start asks for one of hundreds."""
    whole = library()._table("global")
    for name in whole:
        overlay = Overlay(library()._tables, "library")
        assert overlay._entry("global", name) == whole[name], name
    assert library().global_("init_task") == (Global("struct task_struct"),)
    assert library().global_("a_name_that_nothing_mentions") == ()
    odd = Overlay('[global]\n  one = "int"\n"two"="int" # one\n[global]\nthree= "int"', "library")
    for name in ("one", "two", "three"):
        assert odd.global_(name) == (Global("int"),)


def test_an_empty_file(tmp_path):
    overlay = load(tmp_path, "")
    assert overlay.structs() == overlay.globals() == []


BAD = {
    '[struct.a]\none = "just some words"': ("a.one", "just some words"),
    "[struct.a]\none = 3": ("a.one", "not 3"),
    '[global]\none = ["int", 3]': ("global.one", "expected a C type, not 3"),
    "[struct.a]\none = [3]": ("a.one", "3"),
    "[struct.a]\none = { tag = 1 }": ("a.one", "expected a tag"),
    '[struct.a]\none = { tags = ["len:"] }': ("a.one", "len:"),
    '[struct.a]\none = { tag = "a:b", sea = "x" }': ("a.one", "sea"),
    '[struct.a]\none = ["a:b", "c d e"]': ("a.one", "c d e"),
    "[summary]\na = 1": ("summary.a", "list of member paths"),
    "[summary]\na = [1]": ("summary.a", "list of member paths"),
    '[summary]\na = "{b"': ("summary.a", "a { is not closed"),
    '[summary]\na = [{ text = "{b}", when = "c" }]': ("summary.a", "not when"),
    "[global]\ng = 1": ("global.g", "expected a C type"),
    '[global]\ng = "???"': ("global.g", "???"),
    "[global]\ng = { tag = 'a:b' }": ("global.g", "expected a C type"),
    '[global]\ng = { type = "int", tag = "x y z" }': ("global.g", "x y z"),
    '[typo.a]\none = "a:b"': ("[typo]", "expected [struct.NAME]"),
    'one = "a:b"': ("[one]", "expected [struct.NAME]"),
    "[struct.a\none = 1": ("file", ""),
    "[struct.a]\none = ": ("file", ""),
    '[struct.a]\none = "a:b"\none = "c:d"': ("file", ""),
    "[struct]\na = 1": ("struct", ""),
    "[[struct.a]]\none = 'a:b'": ("struct", ""),
    "summary = 3": ("[summary]", "expected a table, not 3"),
    "struct = 3": ("[struct]", "expected a table, not 3"),
    "[global]\n[global.g]\nx = 1": ("global", ""),
}


@pytest.mark.parametrize("text", BAD, ids=repr)
def test_mistakes_name_the_file_and_the_entry(tmp_path, text):
    where, what = BAD[text]
    with pytest.raises(AnnotationError) as error:
        load(tmp_path, text)
    message = str(error.value)
    assert message.startswith(str(tmp_path / "mine.toml") + ": ")
    assert where in message
    assert what in message


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(AnnotationError, match=r"cannot read overlay .*none\.toml"):
        Overlay.load(tmp_path / "none.toml")
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\0")
    with pytest.raises(AnnotationError, match=r"cannot read overlay .*binary\.toml"):
        Overlay.load(path)
    with pytest.raises(AnnotationError, match="cannot read overlay"):
        Overlay.load(tmp_path)


def test_a_heading_inside_a_string_is_no_heading(tmp_path):
    overlay = load(
        tmp_path,
        '[struct.a]\none = { tag = "item:link", see = """\n[struct.b]\n""" }\ntwo = "x:y"\n',
    )
    assert overlay.members("a")["two"] == ((Contains("x", "y"),),)


def test_spelling_of_headings(tmp_path):
    overlay = load(tmp_path, "[ struct . a ]\none = 'a:b'\n[struct.\"b\"]\ntwo = 'c:d'\n")
    assert overlay.members("a") == {"one": ((Contains("a", "b"),),)}
    assert overlay.members("b") == {"two": ((Contains("c", "d"),),)}
