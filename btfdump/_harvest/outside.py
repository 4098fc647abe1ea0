"""What files that were not read may have to do with a head.

A head that only a part of the source was read for is known only if that part is all there can be.
What a .c file declares is its own. What a header declares is for the files of its folder, and that
of a folder `include` for those of the folder around it; the headers of `include/` itself, and of
`arch/`, are for all of the kernel. A folder that the user named is taken to hold all users of what
it declares.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from btfdump._harvest.program import Program


class Outside:
    """The files that nothing is known of: `unread` of those that were to be read, and others.

    If only the folders `under` were to be read, all files elsewhere are outside too. False if
    everything was read.
    """

    def __init__(self, program: Program, unread: Iterable[str], under: Sequence[str] = ()) -> None:
        self._program = program
        self._unread = tuple(unread)
        self._under = tuple(f"{folder}/" for folder in under)
        self._may_use = cache(self._may_use_what_is_in)

    def __bool__(self) -> bool:
        return bool(self._unread or self._under)

    def of_struct(self, struct: str) -> str:
        """Say why files outside may have to do with the heads in a struct, "" if they do not."""
        if not self:
            return ""
        paths = self._program.definitions(struct)
        if not paths:
            return f"the definition of struct {struct} was not read"
        shared = next(filter(self._may_use, paths), None)
        if shared is None:
            return ""
        return f"struct {struct} is declared in {shared}, for files that were not read as well"

    def of_global(self, name: str) -> str:
        """Say why files outside may have to do with a global variable, "" if they do not."""
        if not self or self._program.is_local(name):
            return ""
        headers = [path for path in self._program.declaring(name) if path.endswith(".h")]
        if headers and not any(map(self._may_use, headers)):
            return ""
        return f"{name} is not static, and not all files that may use it were read"

    def of_function(self, file: str, name: str) -> str:
        """Say why a function that is passed what it adds may be called from outside.

        The function is not static.
        """
        if not self:
            return ""
        places = [file] if file.endswith(".h") else self._program.prototypes(name)
        if places and not any(map(self._may_use, places)):
            return ""
        return f"{name}() adds what it is passed, also by files that were not read"

    def _may_use_what_is_in(self, path: str) -> bool:
        """Whether a file outside may use what the file at `path` declares."""
        folder = _scope(path)
        if self._under:
            named = max((n for n in self._under if path.startswith(n)), key=len, default=None)
            if named is None:
                return True
            if not folder.startswith(named):
                folder = named
        return any(name.startswith(folder) for name in self._unread)


def _scope(path: str) -> str:
    """Return what the paths of all files begin with that may use what the file `path` declares."""
    if path.endswith(".c"):
        return path
    folders = path.split("/")[:-1]
    if "include" in folders:
        folders = folders[: folders.index("include")]
        folders = [] if folders[:1] == ["arch"] else folders
    return "".join(f"{folder}/" for folder in folders)
