"""Errors: what they say by themselves, and that one class catches all of them."""

from __future__ import annotations

import inspect

import pytest

from btfdump import errors

ALL = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if cls.__module__ == "btfdump.errors"
]


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_each_is_caught_by_one_class_and_drawn_in_the_tree(cls: type[Exception]) -> None:
    assert issubclass(cls, errors.BtfdumpError)
    (line,) = [
        line for line in (errors.__doc__ or "").splitlines() if f" {cls.__name__} " in f"{line} "
    ]
    also = [base for base in (AttributeError, LookupError, ValueError) if issubclass(cls, base)]
    assert not also or f"(also a {also[0].__name__})" in line.replace("an A", "a A")


def test_what_they_say() -> None:
    assert str(errors.BtfFormatError(24, "no types")) == "malformed BTF at offset 0x18: no types"
    named = errors.BtfFormatError(24, "no types").named("a.btf")
    assert str(named) == "a.btf: malformed BTF at offset 0x18: no types"
    assert named.named("b.btf") is named
    unusable = errors.UnusableBtfError(24, "too large")
    assert str(unusable) == "too large"
    assert str(unusable.named("a.btf")) == "a.btf: too large"
    assert isinstance(unusable.named("a.btf"), errors.UnusableBtfError)
    assert (
        str(errors.FaultError(0x10, 8, "not mapped")) == "cannot read 8 bytes at 0x10: not mapped"
    )
    assert str(errors.FaultError(0, 0, "NULL pointer")) == "NULL pointer"  # nothing was read
    missing = errors.MissingDataError("no kallsyms", "give --vmlinux FILE")
    assert (str(missing), missing.remedy) == (
        "no kallsyms; give --vmlinux FILE",
        "give --vmlinux FILE",
    )
    assert errors.CorruptDataError("a cycle").address is None
    assert errors.AmbiguousTypeError("two", (1, 2)).type_ids == (1, 2)
