"""Whether a kernel keeps the BTF of its modules, so that the types of modules can be known."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from btfdump._btf.reader import Btf

NO_BTF = (
    "this kernel keeps no BTF of its modules (it is older than Linux 5.11, or was built without "
    "CONFIG_DEBUG_INFO_BTF_MODULES)"
)


def keeps_btf(vmlinux: Btf) -> bool:
    """Whether it does: `struct btf_module` is there since 36e68442d1af (Linux 5.11)."""
    return bool(vmlinux.find_all("struct", "btf_module"))
