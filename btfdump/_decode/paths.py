"""Member paths as text, such as `se.group_node`: in annotations, options and library calls."""

from __future__ import annotations


def split_path(path: str) -> tuple[str, ...]:
    """Split a path into member names; `.` and `->` both separate them."""
    return tuple([name.strip() for name in path.replace("->", ".").split(".")])
