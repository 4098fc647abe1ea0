"""The tables of macros can be read; tests/meaning/test_macros.py proves their values."""

from __future__ import annotations

import pytest

from btfdump._meaning.names import has_table, table, table_names


@pytest.mark.parametrize("name", table_names())
def test_tables_are_well_formed(name: str) -> None:
    found = table(name)
    assert found.see
    assert found.names
    if not found.is_values:
        assert all(mask > 0 for mask in found.names)
        fields = sum(field.mask for field in found.fields)
        assert not any(mask & fields for mask in found.names)


def test_what_is_read() -> None:
    assert has_table("task_state")
    assert not has_table("task_state.names")
    assert table("task_state").names[1] == "TASK_INTERRUPTIBLE"
    assert table("capability").names[1 << 21] == "CAP_SYS_ADMIN"
    (access,) = table("open_flags").fields
    assert access.macro == "O_ACCMODE"
    assert access.names[2] == "O_RDWR"
    assert 0x4000 not in table("open_flags").names
    assert table("open_flags", "aarch64").names[0x4000] == "O_DIRECTORY"
    assert table("open_flags", "x86_64").names[0x4000] == "O_DIRECT"
    with pytest.raises(KeyError):
        table("nothing")
