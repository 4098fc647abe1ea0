"""Roots and tables by name, where a test knows that there is one of that name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._roots import root_of, table_of

if TYPE_CHECKING:
    from btfdump._roots import RootKind, TableKind


def known_root(name: str) -> RootKind:
    found = root_of(name)
    assert found is not None, f"no root {name}"
    return found


def known_table(name: str) -> TableKind:
    found = table_of(name)
    assert found is not None, f"no table {name}"
    return found
