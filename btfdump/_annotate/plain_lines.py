"""Lines of TOML of the form that nearly all of the library's have, read without a parser of TOML.

::

    children = { tag = "task_struct:sibling", see = "kernel/fork.c: copy_process()", proven = true }

A look at one task needs some three hundred of them, and tomllib takes a tenth of a millisecond for
each. What has another form is left to it; tests/annotate/test_plain_lines.py compares the two.
"""

from __future__ import annotations

import re
from typing import Any

_STRING = r'"([^"\\\n]*)"'
_LINE = re.compile(
    rf"^(?:([A-Za-z_]\w*)|{_STRING}) = "
    rf"\{{ tag = {_STRING}(?:, see = {_STRING})?(, proven = true)? \}}\n",
    re.ASCII | re.MULTILINE,
)


def plain_lines(text: str) -> tuple[dict[str, Any], str]:
    """Return what such lines say, as a parser of TOML would, and the text of all others.

    That is "" if there is nothing but comments.
    """
    found: dict[str, Any] = {}
    rest: list[str] = []
    at = 0
    for line in _LINE.finditer(text):
        if line.start() > at:
            rest.append(text[at : line.start()])
        at = line.end()
        bare, quoted, tag, see, proven = line.groups()
        entry: dict[str, Any] = {"tag": tag}
        if see is not None:
            entry["see"] = see
        if proven:
            entry["proven"] = True
        found[bare if bare is not None else quoted] = entry
    rest.append(text[at:])
    others = "".join(rest)
    is_bare = all(not line or line.startswith("#") for line in others.split("\n"))
    return found, "" if is_bare else others
