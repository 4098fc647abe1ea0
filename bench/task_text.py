"""Text of every task_struct, memory reads included: btfdump's compiled formatter against drgn's.

::

    python -m bench.task_text [CORE...] [--runs N]

Both sides read through the same drgn `Program` and know the same types (bench/drgn_types.py). drgn
formats once the fastest way it has, with the object read as a whole and everything that looks
elsewhere switched off, and once as str() does, which reads member by member: what that costs
depends on the form of the dump. The formatter is compiled before the clock starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drgn import Object

import btfdump
from bench.drgn_types import BtfTypes, program_of
from bench.harness import Row, alternate, parser, table, unpacked
from btfdump._kernel.value import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

FEW = 12
"""Tasks for which drgn's str() is measured: it takes tens of milliseconds for each."""


def compare(core: str, path: str, runs: int) -> None:
    with btfdump.open_core(path) as kernel:
        prog = program_of(kernel)
        BtfTypes(prog, kernel.btf).register()
        type_ = kernel.type("struct task_struct")
        addresses = [task.address_ for task in kernel.tasks()]
        few = addresses[:: max(1, len(addresses) // FEW)][:FEW]
        drgn_type = prog.type("struct task_struct")

        def ours(zero: bool = False, some: Sequence[int] = addresses) -> int:
            return sum(len(kernel.format(Value(kernel, type_, at), zero=zero)) for at in some)

        def fastest() -> int:
            return sum(
                len(
                    Object(prog, drgn_type, address=at)
                    .read_()
                    .format_(
                        dereference=False,
                        symbolize=False,
                        string=False,
                        implicit_members=False,
                        implicit_elements=False,
                    )
                )
                for at in addresses
            )

        def with_zeros() -> int:
            return sum(
                len(
                    Object(prog, drgn_type, address=at)
                    .read_()
                    .format_(dereference=False, symbolize=False, string=False)
                )
                for at in addresses
            )

        def plain() -> int:
            return sum(len(str(Object(prog, drgn_type, address=at))) for at in few)

        every = alternate({"ours": ours, "drgn": fastest}, runs)
        zeros = alternate({"ours": lambda: ours(True), "drgn": with_zeros}, max(3, runs // 3))
        some = alternate({"ours": lambda: ours(some=few), "drgn": plain}, max(3, runs // 4))
        sizes = f"{ours() // len(addresses)} and {fastest() // len(addresses)} characters each"
    count = len(addresses)
    table(
        f"{core}: text of {count} task_structs, times for one ({sizes})",
        [
            Row(
                "non-zero text",
                every["ours"].over(count),
                "drgn read_().format_(...)",
                every["drgn"].over(count),
                3,
            ),
            Row(
                f"the same, {len(few)} tasks",
                some["ours"].over(len(few)),
                "drgn str(obj)",
                some["drgn"].over(len(few)),
                20,
            ),
            Row(
                "with zeros",
                zeros["ours"].over(count),
                "drgn, implicit members too",
                zeros["drgn"].over(count),
            ),
        ],
    )


def main(argv: Sequence[str] | None = None) -> None:
    args = parser("task_text", __doc__, 15).parse_args(argv)
    for core in args.core:
        with unpacked(core) as path:
            compare(core, path, args.runs)


if __name__ == "__main__":
    main()
