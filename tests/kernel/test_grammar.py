"""Expressions that users type: what they are read as, and where those are wrong that are none."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btfdump._kernel.expression import MAX_EXPRESSION
from btfdump._kernel.grammar import MAX_NESTED, Name, Subscript, parse
from btfdump.errors import ExpressionError


def spelled(steps) -> str:
    """Return steps as one line, names and brackets by what they say."""
    words = []
    for kind, what in steps:
        if isinstance(what, Name):
            words.append(what.text if what.words is None else f"{what.text}<{what.words}>")
        elif isinstance(what, Subscript):
            mark = "?" if what.is_condition else ""
            words.append(f"[{mark} {spelled(what.steps)} ]")
        elif kind in ("number", "text"):
            words.append(repr(what))
        elif kind == ".":
            words.append(f".{what}")
        else:
            words.append(f"<{kind}: {what}>" if what else kind)
    return " ".join(words)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("init_task", "init_task"),
        ("task(1) . a->b[2]", "task<1> .a .b [ 2 ]"),
        ("*p->x", "p .x unary *"),
        ("(*p).x", "p unary * .x"),
        ("&a.b", "a .b unary &"),
        ("**a[1]", "a [ 1 ] unary * unary *"),
        ("-a + ~b * !c", "a unary - b unary ~ c unary ! * +"),
        (
            "((struct socket *)task(5).files->fdt->fd[3]->private_data)->sk",
            "task<5> .files .fdt .fd [ 3 ] .private_data <cast: struct socket *> .sk",
        ),
        ("(u64)*p", "p unary * <cast: u64>"),
        ("(gfp_t)-1", "1 unary - <cast: gfp_t>"),
        ("(foo)x", "x <cast: foo>"),
        ("(foo) - 1", "foo 1 -"),
        ("(foo) * x", "foo x *"),
        ("(a + b) * c", "a b + c *"),
        ("(foo *)(x)", "x <cast: foo *>"),
        ("(btfsample:struct item@3 *)x", "x <cast: btfsample:struct item@3 *>"),
        ("(unsigned long)(enum e)1", "1 <cast: enum e> <cast: unsigned long>"),
        (
            "container_of(init_task.tasks.next, struct task_struct, tasks)->comm",
            "init_task .tasks .next <container_of: ('struct task_struct', 'tasks')> .comm",
        ),
        (
            "&container_of((void *)1, struct a, b . c)",
            "1 <cast: void *> <container_of: ('struct a', 'b.c')> unary &",
        ),
        ('modules[name == "ext4"]', "modules [? name 'ext4' == ]"),
        ("a[b[!c]]", "a [ b [? c unary ! ] ]"),
        ("a[(b < 1) + 1]", "a [ b 1 < 1 + ]"),
        ("a[b == 1 && c]", "a [? b 1 == <skip &&: 5> c truth ]"),
        ("a[name ~ 'x']", "a [? name 'x' ~ ]"),
        ("a[name !~ 'x']", "a [? name 'x' !~ ]"),
        ("a[PIDTYPE_TGID]", "a [ PIDTYPE_TGID ]"),
        ("ff1e74d444239600 + 010", f"{0xFF1E74D444239600} 8 +"),
        ("00000000005c6400", f"{0x5C6400}"),
        ("1000000000000000", f"{10**15}"),
        ("vmlinux:modules[0]", "vmlinux:modules [ 0 ]"),
        ("8021q:x + a-b:y@2", "8021q:x a-b:y@2 +"),
        ("0xffffffffffffffff", f"{2**64 - 1}"),
    ],
)
def test_what_is_read(text, steps):
    assert spelled(parse(text).steps) == steps


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "at character 1, the end: expected a number, a name"),
        ("a +", "at character 4, the end: expected a number, a name"),
        ("a b", r"at character 3, 'b': expected an operator, .MEMBER"),
        ("a..b", r"at character 3, '.b': expected the name of a member"),
        ("a->3", "at character 4, '3': expected the name of a member"),
        ("a[", "at character 3, the end: expected a number"),
        ("a[]", r"at character 3, '\]': expected a number"),
        ("a[1", r"at character 4, the end: expected a \] for the \[ at character 2"),
        ("a]", r"at character 2, '\]': expected an operator"),
        ("(a", r"at character 3, the end: expected a \) for the \( at character 1"),
        ("(a]", r"at character 3, '\]': expected an operator, .*, or \)"),
        ("a[(b]", r"at character 5, '\]': expected .*, or \)"),
        ("a[b)", r"at character 4, '\)': expected .*, or \]"),
        ("a)", r"at character 2, '\)': expected an operator"),
        ("a, b", "at character 2, ', b': expected an operator"),
        ("f(g(x))", r"expected no parentheses within those of f\(...\)"),
        ("container_of(a)", r"at character 15, '\)': expected , TYPE, MEMBER\)"),
        ("container_of(a, b)", r"at character 17, 'b\)': expected TYPE, MEMBER\) behind"),
        ("a = b", "at character 3, '= b': expected an operator"),
        ("a ? b", r"at character 3, '\? b': expected an operator"),
        ("08", "at character 1, '08': expected a number of at most 64 bits, octal behind a 0"),
        ("0x10000000000000000", "expected a number of at most 64 bits"),
        ("a & b == c", "is ambiguous: in C, == binds closer"),
        ("a < b < c", "comparisons cannot be chained"),
        ("a[" * (MAX_NESTED + 1), f"expected at most {MAX_NESTED} brackets within brackets"),
        ("a" * (MAX_EXPRESSION + 1), "it has 1001 characters, more than 1000"),
    ],
)
def test_where_it_is_wrong(text, error):
    with pytest.raises(ExpressionError, match=error):
        parse(text)


@pytest.mark.parametrize("piece", ["(", "*", "&", "-", "(u8)", "a[", "!", "container_of("])
def test_nothing_of_any_shape_takes_pythons_stack(piece):
    text = piece * (MAX_EXPRESSION // len(piece) - 1)
    for one in (text, f"{text}a"):
        with suppress(ExpressionError):
            parse(one)


@given(st.text(alphabet="ab01xf()[]*&.->!~+ ,=<\"'|:@" + "\u00e9\u0661", max_size=40))
def test_anything_is_read_or_refused(text):
    try:
        parse(text)
    except ExpressionError as error:
        assert str(error)  # noqa: PT017
