"""The words that annotations may say of values: what each means is in `vocabulary.py`."""

from __future__ import annotations

BARE = frozenset(
    (
        *("dev", "mode", "signal", "sigset", "capability", "errno", "err", "exit", "gfp"),
        *("uid", "gid", "pid", "refcount", "version", "signed", "dec"),
        *("ipv4", "ipv6", "mac", "port", "be", "le", "sockaddr", "uuid"),
        *("bitmap", "cpumask", "nodemask"),
        "fold",
    )
)
"""Words that stand alone. They may also be names of structs: on containers, those are meant."""
KEYED = ("bitmap", "bits", "enum", "flags", "mac", "owner", "time", "unit")
"""Words with an argument after a colon."""
