"""Member paths as text: `se.group_node`, in annotations, options and calls of the library."""

from __future__ import annotations


def split_path(path: str) -> tuple[str, ...]:
    """Split a path into the names of its members, of which `.` and `->` alike lead to the next."""
    return tuple([name.strip() for name in path.replace("->", ".").split(".")])
