"""Write decl tags into the kernel's source, as tagged/tags.toml says."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from pathlib import Path


class TaggingError(Exception):
    """The source does not have what is to be tagged."""


def tag_source(source: Path, tags: Path) -> int:
    """Tag members, variables, functions and parameters below `source`; return how many tags."""
    wanted = tomllib.loads(tags.read_text())
    count = 0
    for entry in wanted["member"]:
        count += _edit(source / entry["file"], _tag_members, entry)
    for entry in wanted["variable"]:
        count += _edit(source / entry["file"], _tag_variable, entry)
    for entry in wanted["function"]:
        count += _edit(source / entry["file"], _tag_function, entry)
    return count


def _edit(path: Path, change: Any, entry: dict[str, Any]) -> int:
    try:
        text, count = change(path.read_text(), entry)
    except TaggingError as error:
        raise TaggingError(f"{path}: {error}") from None
    path.write_text(text)
    return int(count)


def _tag_members(text: str, entry: dict[str, Any]) -> tuple[str, int]:
    body = re.search(rf"^struct {entry['struct']} {{$.*?^}}", text, re.MULTILINE | re.DOTALL)
    if body is None:
        raise TaggingError(f"no struct {entry['struct']}")
    changed = body[0]
    for member, tag in entry["tags"].items():
        declaration = re.compile(rf"(\b{member}(?:\[[^\]]*\])?)(\s*;)")
        changed, found = declaration.subn(rf"\1 {_attribute(tag)}\2", changed)
        if found != 1:
            raise TaggingError(f"{found} members {entry['struct']}.{member}")
    return text[: body.start()] + changed + text[body.end() :], len(entry["tags"])


def _tag_variable(text: str, entry: dict[str, Any]) -> tuple[str, int]:
    declaration = rf"^(static )(DEFINE_PER_CPU\([^,;]*, {entry['name']}\);)"
    changed, found = re.subn(
        declaration, rf"\1{_attribute(entry['tag'])} \2", text, flags=re.MULTILINE
    )
    if found != 1:
        raise TaggingError(f"{found} variables {entry['name']}")
    return changed, 1


def _tag_function(text: str, entry: dict[str, Any]) -> tuple[str, int]:
    head = re.search(rf"^\w[^;{{}}()]*\b{entry['name']}\([^;{{}}]*\)\s*{{", text, re.MULTILINE)
    if head is None:
        raise TaggingError(f"no function {entry['name']}")
    changed = head[0]
    parameters = entry.get("parameters", {})
    for name, tag in parameters.items():
        changed, found = re.subn(rf"(\b{name})([,)])", rf"\1 {_attribute(tag)}\2", changed)
        if found != 1:
            raise TaggingError(f"{found} parameters {entry['name']}({name})")
    attributes = "".join(f"{_attribute(tag)}\n" for tag in entry["tags"])
    changed = attributes + changed
    return text[: head.start()] + changed + text[head.end() :], len(entry["tags"]) + len(parameters)


def _attribute(tag: str) -> str:
    return f'__attribute__((btf_decl_tag("{tag}")))'
