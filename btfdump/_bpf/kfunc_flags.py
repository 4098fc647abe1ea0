"""What the kernel says about a kfunc beside its prototype: the KF_* flags and the older types.

The flags are macros (include/linux/btf.h, since a4703e318432 in 6.0), so their names are in no BTF.
The types before them are an enum, whose names are.
"""

from __future__ import annotations

FLAGS: dict[int, str] = {
    1 << 0: "KF_ACQUIRE",
    1 << 1: "KF_RELEASE",
    1 << 2: "KF_RET_NULL",
    1 << 3: "KF_KPTR_GET",  # until 6.4 (7b4ddf3920d2); the bit was not used again
    1 << 4: "KF_TRUSTED_ARGS",
    1 << 5: "KF_SLEEPABLE",
    1 << 6: "KF_DESTRUCTIVE",
    1 << 7: "KF_RCU",
    1 << 8: "KF_ITER_NEW",
    1 << 9: "KF_ITER_NEXT",
    1 << 10: "KF_ITER_DESTROY",
    1 << 11: "KF_RCU_PROTECTED",
    1 << 12: "KF_FASTCALL",
    1 << 13: "KF_ARENA_RET",
    1 << 14: "KF_ARENA_ARG1",
    1 << 15: "KF_ARENA_ARG2",
    1 << 16: "KF_IMPLICIT_ARGS",
}
"""The bits of `btf_id_set8.pairs[].flags`. No bit has ever changed its meaning."""


def flag_names(flags: int) -> tuple[str, ...]:
    """Return the names of the bits that are set, lowest first; unnamed bits as one number.

    >>> flag_names(1 | 1 << 2)
    ('KF_ACQUIRE', 'KF_RET_NULL')
    """
    names = [name for bit, name in FLAGS.items() if flags & bit]
    unknown = flags & ~sum(FLAGS)
    return (*names, f"{unknown:#x}") if unknown else tuple(names)


def bare_flag(name: str) -> str:
    """Return a flag's name as people abbreviate it: "ACQUIRE" for "KF_ACQUIRE"."""
    return name.upper().removeprefix("KF_")
