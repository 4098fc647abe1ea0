"""Flags of kfuncs, by name."""

from __future__ import annotations

from btfdump._bpf.kfunc_flags import FLAGS, flag_names


def test_every_flag_has_a_bit_of_its_own() -> None:
    assert flag_names(sum(FLAGS)) == tuple(FLAGS.values())
    assert list(FLAGS) == [1 << n for n in range(len(FLAGS))]
    assert flag_names(1 << 30 | 1) == ("KF_ACQUIRE", "0x40000000")
    assert flag_names(0) == ()
