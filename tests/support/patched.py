"""A sample's kernel with damage done to it: what tests write stays in this process."""

from __future__ import annotations

from btfdump._api.kernel import Kernel
from btfdump._targets.buffer import PatchedTarget


class PatchedKernel(Kernel):
    """Another kernel, whose memory can be written; that one sees nothing of it."""

    target: PatchedTarget

    def __init__(self, plain: Kernel) -> None:
        super().__init__(PatchedTarget(plain.target), plain.btf)
