"""Where the kernel and its modules are: what drgn unwinds stacks by.

Without debuginfo drgn does not know. It takes a frame for one without unwind tables then, follows
frame pointers that there are not, and shows frames that never were.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from btfdump._drgn.errors import BadDataError
from btfdump._targets.via_drgn.segments import READ_ERRORS
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    import drgn

    from btfdump._kernel.context import Context

_logger = logging.getLogger("drgn.btfdump")
_NAME = "kernel"
"""What drgn itself calls the main module of a kernel."""


def give_ranges(prog: drgn.Program, kernel: Context) -> None:
    """Tell a program where the kernel and its modules are, as far as it does not know.

    drgn finds the modules itself, by the types that it is given, and logs what is wrong with them.
    """
    main = main_module(prog, create=True)
    if main is not None and not main.address_ranges:
        try:
            main.address_range = (kernel.own_symbol("_stext"), kernel.own_symbol("_end"))
        except BtfdumpError:  # there is no table of symbols: what needs one says so
            return
    try:
        prog.create_loaded_modules()
    except Exception as error:  # what a finder raised may be a plain Exception before drgn 0.3
        if type(error) is not Exception and not isinstance(error, (BadDataError, *READ_ERRORS)):
            raise
        _logger.warning("frames in modules will be wrong, since they are not found: %s", error)


def main_module(prog: drgn.Program, *, create: bool = False) -> drgn.MainModule | None:
    """Return the kernel's module in a program, or None if there is none yet.

    With `create`, one is made.
    """
    try:
        return prog.main_module()
    except LookupError:
        if not create:
            return None
    made = prog.main_module(_NAME, create=True)
    return made[0] if isinstance(made, tuple) else made
