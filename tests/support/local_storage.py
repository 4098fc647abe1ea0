"""The first element of the local storage of the first task, and what is shown of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.annotated import dumped

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel
    from btfdump._kernel.value import Value


def element_of(kernel: Kernel) -> Value:
    return kernel.task(1).bpf_storage.list[0]


def shown(kernel: Kernel) -> dict[str, Any]:
    document = dumped(kernel, kernel.task(1).bpf_storage.deref_())
    return document["members"]["list"]["elements"][0]["members"]["sdata"]["members"]["data"]
