"""From annotations to a patch of the kernel's source that states them with btf_decl_tag().

What a compiler is to see has to be written at the member: each definition of a struct that has an
annotated member is found in the source, and the tag is written after the member's declarator. If
there are several definitions of one name, the one nearest to the source that the annotation names
is meant.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from btfdump._annotate.grammar import Contains, Length, Means, PointsTo, TypedBy, as_meaning
from btfdump._decode.paths import split_path
from btfdump._harvest.program import nearness
from btfdump._harvest.scan import CONDITIONAL, STRUCT, TYPEDEF, c_parser
from btfdump._harvest.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tree_sitter import Node

    from btfdump._annotate.grammar import Annotation
    from btfdump._annotate.overlay import Overlay

_SAYS_WHAT_IT_HOLDS = (Contains, Length, Means, PointsTo, TypedBy)


@dataclass(frozen=True, slots=True)
class Definition:
    """Where a type is defined: a file, and the bytes from its keyword to where a tag may stand.

    That is its closing brace, or the name that a typedef gives.
    """

    path: Path
    relative: str
    start: int
    text: bytes


@dataclass(slots=True)
class Patch:
    """Insertions by file, and the members that are not among them: (member, why)."""

    edits: dict[Path, list[tuple[int, bytes]]] = field(default_factory=dict)
    tags: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)


def make_patch(
    root: Path,
    files: Sequence[Path],
    overlays: Sequence[Overlay],
    progress: Callable[[int, int, str], None],
) -> Patch:
    """Find every annotated member in the source; the first overlay has the most authority."""
    result = Patch()
    wanted = _wanted(overlays)
    scalars: dict[str, Overlay] = {}
    for overlay in overlays:
        for name in overlay.scalars():
            scalars.setdefault(name, overlay)
    names = _names(overlays, wanted) | scalars.keys()
    definitions = _find_definitions(root, files, names, progress)
    for (struct, member), overlay in wanted.items():
        _tag(overlay, struct, member, definitions, result)
    for name, overlay in scalars.items():
        _tag_type(overlay, name, definitions, result)
    return result


def render_patch(root: Path, patch: Patch) -> Iterator[str]:
    """Yield a unified diff, for `patch -p1`, by file."""
    for path in sorted(patch.edits):
        before = path.read_bytes()
        after = before
        for at, text in sorted(patch.edits[path], reverse=True):
            after = after[:at] + text + after[at:]
        old, new = _lines(before), _lines(after)
        name = path.relative_to(root)
        diff = difflib.unified_diff(old, new, f"a/{name}", f"b/{name}", lineterm="")
        yield from (line + "\n" for line in diff)


def _lines(text: bytes) -> list[str]:
    """Cut at newlines only: form feeds, which some files have, do not end a line."""
    return text.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")


def _wanted(overlays: Sequence[Overlay]) -> dict[tuple[str, str], Overlay]:
    wanted: dict[tuple[str, str], Overlay] = {}
    for overlay in overlays:
        for struct in overlay.structs():
            for member, alternatives in overlay.members(struct).items():
                if any(isinstance(a, _SAYS_WHAT_IT_HOLDS) for a in alternatives[0]):
                    wanted.setdefault((struct, member), overlay)
    return wanted


def _names(overlays: Sequence[Overlay], wanted: dict[tuple[str, str], Overlay]) -> set[str]:
    """Return the structs whose definitions are needed: those with tags, and those named in tags."""
    names = {struct for struct, _ in wanted}
    for (struct, member), overlay in wanted.items():
        for alternative in overlay.members(struct)[member]:
            names |= {a.element for a in alternative if isinstance(a, Contains)}
    return names


def _find_definitions(
    root: Path,
    files: Sequence[Path],
    names: set[str],
    progress: Callable[[int, int, str], None],
) -> dict[str, list[Definition]]:
    found: dict[str, list[Definition]] = {}
    for number, path in enumerate(files):
        if number % 256 == 0:
            progress(number, len(files), "reading")
        source = path.read_bytes()
        for match in chain(STRUCT.finditer(source), TYPEDEF.finditer(source)):
            name = match[1].decode("utf-8", "replace")
            if name in names:
                relative = str(path.relative_to(root))
                found.setdefault(name, []).append(
                    Definition(path, relative, match.start(), match[0])
                )
    return found


def _tag(
    overlay: Overlay,
    struct: str,
    member: str,
    definitions: dict[str, list[Definition]],
    result: Patch,
) -> None:
    place = f"{struct}.{member}"
    see = overlay.see(struct, member).partition(":")[0]
    first = split_path(member)[0]
    known = [d for d in definitions.get(struct, ()) if _mentions(d, first)]
    if not known:
        return  # of another version
    siblings = overlay.members(struct)

    def rank(definition: Definition) -> tuple[int, int]:
        agreeing = sum(_mentions(definition, split_path(name)[0]) for name in siblings)
        return nearness(definition.relative, see), agreeing

    definition = max(known, key=rank)
    at = _end_of_declarator(definition, member)
    if at is None:
        reason = f"no declaration in {definition.relative}"
        if "." in member:
            reason = "declared in another struct, which others have too"
        result.left_out.append((place, reason))
        return
    for choice, texts in zip(
        overlay.members(struct)[member], overlay.texts(struct, member), strict=True
    ):
        if all(_exists(annotation, definitions) for annotation in choice):
            tags = b"".join(map(_attribute, texts))
            edits = result.edits.setdefault(definition.path, [])
            edits.append((definition.start + at, tags))
            result.tags += len(texts)
            return
    result.left_out.append((place, "no source of what it holds has the link"))


def _tag_type(
    overlay: Overlay, name: str, definitions: dict[str, list[Definition]], result: Patch
) -> None:
    """Tag a typedef or struct with what all of its values mean."""
    see = overlay.see_of_scalar(name).partition(":")[0]
    known = definitions.get(name)
    if not known:
        return  # of another version
    definition = max(known, key=lambda one: nearness(one.relative, see))
    (text, *_), *_ = overlay.scalar_texts(name)
    edits = result.edits.setdefault(definition.path, [])
    edits.append((definition.start + len(definition.text.rstrip()), _attribute(text)))
    result.tags += 1


def _attribute(text: str) -> bytes:
    return f' __attribute__((btf_decl_tag("{text}")))'.encode()


def _mentions(definition: Definition, word: str) -> bool:
    return re.search(rb"\b" + re.escape(word.encode()) + rb"\b", definition.text) is not None


def _exists(annotation: Annotation, definitions: dict[str, list[Definition]]) -> bool:
    """Whether some struct of the name has the link, or its first step."""
    if not isinstance(annotation, Contains) or as_meaning(annotation) is not None:
        return True
    step = split_path(annotation.node or "")[0].removesuffix("[]")
    known = definitions.get(annotation.element, ())
    return any(not step or _mentions(d, step) for d in known)


def _end_of_declarator(definition: Definition, member: str) -> int | None:
    """Return where a member's declarator ends: the offset in the definition's text."""
    # Preprocessor lines become spaces: a struct is parsed whole, and offsets stay true.
    text = CONDITIONAL.sub(lambda match: b" " * len(match[0]), definition.text) + b";\n"
    specifier = next(iter(_find(c_parser().parse(text).root_node, "field_declaration_list")), None)
    declarator: Node | None = None
    for step in split_path(member):
        if specifier is None:
            return None
        declarator, specifier = _declared(specifier, step)
    if declarator is not None:
        return declarator.end_byte
    name = re.escape(member.encode())
    match = re.search(rb"\bDECLARE_\w+\(\s*" + name + rb"\b[^;]*\)", text)
    if match is None:  # a macro behind it that no parser of C can know: `data[] __aligned(8)`
        match = re.search(rb"\b" + name + rb"\s*(?:\[\w*\]\s*)?__\w+\([^;]*\)(?=;)", text)
    return match.end() if match is not None else None


def _declared(fields: Node, name: str) -> tuple[Node | None, Node | None]:
    """Return (declarator of a member, the fields of its struct if they are written here)."""
    pending = list(fields.named_children)
    while pending:
        node = pending.pop(0)
        if node.type != "field_declaration":
            continue
        type_ = node.child_by_field_name("type")
        body = type_.child_by_field_name("body") if type_ is not None else None
        is_named = False
        for declarator in node.children_by_field_name("declarator"):
            declared = next((text_of(n) for n in _find(declarator, "field_identifier")), "")
            if declared == name:
                return declarator, body
            # `struct { ... } ____cacheline_aligned_in_smp;` has an attribute there, no name
            is_named |= not declared.startswith("__")
        if body is not None and not is_named:
            pending += body.named_children
    return None, None


def _find(node: Node, type_: str) -> Iterator[Node]:
    """Yield the nodes of a type at or below `node`, outermost first."""
    pending = [node]
    while pending:
        current = pending.pop(0)
        if current.type == type_:
            yield current
        pending[:0] = current.children
