"""Parameters, against the variables that they set, and what guests were started with."""

from __future__ import annotations

import pytest

from btfdump._kernel.notes import Note
from btfdump._kernel.value_at import value_at
from btfdump._roots import Query, table_of
from btfdump._tables.functions.params import _Values
from tests.support.patched import PatchedKernel
from tests.support.tabulated import rows

EVERY = ("stock", "stock-7.3", "s390x", "tagged")


def of(kernel, module, name):
    (row,) = (row for row in kernel if (row["module"], row["name"]) == (module, name))
    return row


@pytest.mark.parametrize("name", EVERY)
def test_parameters_have_the_values_of_their_variables(opened, name):
    kernel = opened(name)
    found = readable(kernel)
    for module, parameter, variable, type_ in (
        (None, "panic", "panic_timeout", "int"),
        (None, "panic_on_warn", "panic_on_warn", "int"),
        ("printk", "console_suspend", "console_suspend_enabled", "bool"),
        ("printk", "ignore_loglevel", "ignore_loglevel", "bool"),
        ("tcp_cubic", "beta", "beta", None),
    ):
        row = of(found, module, parameter)
        if type_ is not None:
            assert row["type"] == type_
            assert row["value"] == value_at(kernel, type_, kernel.own_symbol(variable)).value_()
    assert of(found, None, "panic")["value"] == -1  # as on the guests' command lines


def readable(kernel):
    """Return all parameters; a page or two that some are in are not in these dumps."""
    kind = table_of("params")
    assert kind is not None
    found = list(kind.table(kernel, Query()).rows)
    notes = [one.text for one in found if isinstance(one, Note)]
    assert all("filtered out" in text for text in notes)
    assert len(notes) <= 1
    return [one for one in found if not isinstance(one, Note)]


@pytest.mark.parametrize("name", EVERY)
def test_most_parameters_have_a_value(opened, name):
    kernel = opened(name)
    found = readable(kernel)
    assert len(found) > 100
    known = [row for row in found if row["type"] in {"int", "uint", "bool", "ulong"}]
    assert sum(row["value"] is not None for row in known) > 0.9 * len(known)
    for row in known:
        assert type(row["value"]) in {bool if row["type"] == "bool" else int, type(None)}
    modules = {module.member_("name").string_() for module in kernel["modules"].walk_()}
    assert of(found, "dummy", "numdummies")["value"] == 1
    counted = {m.member_("name").string_(): int(m.num_kp) for m in kernel["modules"].walk_()}
    for module in modules:
        assert sum(row["module"] == module for row in found) == counted[module]


def test_arrays_and_texts(opened):
    found = readable(opened("stock"))
    blue = of(found, "vt", "default_blu")
    assert blue["type"] == "byte[]"
    assert blue["value"] == [0, 0, 0, 0, *[170] * 4, *[85] * 4, *[255] * 4]
    assert of(found, "xen_fbfront", "video")["value"] == [2, 800, 600]
    assert of(found, "cpufreq", "default_governor")["value"] == "schedutil"
    own = of(found, "workqueue", "default_affinity_scope")  # kept in a way of its own
    assert (own["value"], own["type"]) == (None, "wq_affn_dfl_ops")


def test_what_was_for_the_start_alone_has_no_value(opened):
    kernel = PatchedKernel(opened("stock"))
    row = of(readable(kernel), None, "panic")
    parameter = value_at(kernel, "struct kernel_param", row["parameter"])
    freed = kernel.own_symbol("__init_begin") + 64
    kernel.target.write(parameter.arg.address_, freed.to_bytes(8, "little"))
    assert _Values(kernel).of(value_at(kernel, "struct kernel_param", row["parameter"])) is None


def test_a_number_of_parameters_that_makes_no_sense_is_told(opened):
    plain = opened("stock")
    kernel = PatchedKernel(plain)
    module = next(iter(plain["modules"].walk_()))
    kernel.target.write(module.num_kp.address_, (1 << 24).to_bytes(4, "little"))
    kind = table_of("params")
    assert kind is not None
    notes = [one.text for one in kind.table(kernel, Query()).rows if isinstance(one, Note)]
    assert any("16777216 parameters, expected at most" in text for text in notes)
    assert rows(plain, "params", "tcp_cubic")
