"""What finders raise: drgn's own exceptions, since its helpers catch those.

A `LookupError` says that the kernel has no such thing. Helpers ask so for what only some versions
have, and go another way then: what is there, and is not understood, must never look like that.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import drgn

from btfdump.errors import BtfdumpError, FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

if TYPE_CHECKING:

    class BadDataError(Exception):
        """Something is there, and cannot be understood."""

else:
    try:
        BadDataError = drgn.BadDataError
    except AttributeError:  # drgn before 0.3

        class BadDataError(Exception):
            """Something is there, and cannot be understood: as `drgn.BadDataError`, from 0.3 on."""


@contextmanager
def in_terms_of_drgn() -> Iterator[None]:
    """Raise what drgn's users expect in place of errors of btfdump's."""
    try:
        yield
    except FaultError as error:
        raise drgn.FaultError(str(error), error.address) from error
    except BtfdumpError as error:
        raise BadDataError(str(error)) from error
