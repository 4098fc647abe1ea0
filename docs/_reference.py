"""Sphinx: the API reference, written from what `btfdump.__all__` names and what that leads to.

`.. public-api::` documents every public name, `.. reachable-api::` every class and type alias of
the package that the signatures of those mention, and theirs in turn. Nothing is listed by hand, so
nothing can be missing. Both are nothing but `autodoc` directives, in an order of their own.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from contextlib import suppress
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

import btfdump

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docutils import nodes
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

PACKAGE = btfdump.__name__
_TYPES = frozenset({"class", "exception", "type"})


class Definition(NamedTuple):
    """A class, function or type alias of the package: its module, name and syntax tree."""

    module: str
    name: str
    node: ast.stmt


class Module:
    """The source of a module: what it defines, and where the other names in it come from."""

    def __init__(self, name: str) -> None:
        self.name = name
        path = Path(inspect.getsourcefile(importlib.import_module(name)) or "")
        self.is_package = path.name == "__init__.py"
        self.definitions: dict[str, ast.stmt] = {}
        self.imports: dict[str, tuple[str, str]] = {}  # name -> module, name there
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                home = self._absolute(node)
                self.imports |= {a.asname or a.name: (home, a.name) for a in node.names}
            elif isinstance(node, ast.ClassDef | ast.FunctionDef):
                self.definitions.setdefault(node.name, node)
            elif is_alias(node) and isinstance(node.target, ast.Name):
                self.definitions[node.target.id] = node

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        parts = parts[: len(parts) - node.level + self.is_package]
        return ".".join([*parts, *([node.module] if node.module else [])])

    def find(self, name: str) -> Definition | None:
        """Return what `name`, dotted or not, means in this module; None for what is not ours."""
        first, _, rest = name.partition(".")
        if not rest and first in self.definitions:
            return Definition(self.name, first, self.definitions[first])
        home, original = self.imports.get(first, ("", ""))
        if home.split(".")[0] != PACKAGE:
            return None
        if rest:  # a module: `types.Ptr`
            return module(f"{home}.{original}").find(rest)
        return module(home).find(original)


@cache
def module(name: str) -> Module:
    """Return a module's source, parsed once."""
    return Module(name)


def public() -> list[tuple[str, Definition]]:
    """Return the public names but modules, each with its definition."""
    found = []
    for name in btfdump.__all__:
        if not inspect.ismodule(getattr(btfdump, name)):
            definition = module(PACKAGE).find(name)
            assert definition is not None, f"btfdump.{name} is defined nowhere"
            found.append((name, definition))
    return found


def of_public_modules() -> list[Definition]:
    """Return the public classes of the modules among the public names."""
    modules = [getattr(btfdump, name) for name in btfdump.__all__]
    return [
        Definition(home.__name__, name, node)
        for home in modules
        if inspect.ismodule(home)
        for name, node in module(home.__name__).definitions.items()
        if isinstance(node, ast.ClassDef) and not name.startswith("_")
    ]


def reachable() -> list[Definition]:
    """Return what the signatures of public names mention, and what those do, in turn."""
    seen = {(d.module, d.name) for _, d in public()}
    found = of_public_modules()
    seen |= {(d.module, d.name) for d in found}
    waiting = [definition for _, definition in public()] + found
    while waiting:
        definition = waiting.pop()
        for mentioned in [*mentions(definition), *subclasses(definition)]:
            if (mentioned.module, mentioned.name) not in seen:
                seen.add((mentioned.module, mentioned.name))
                waiting.append(mentioned)
                found.append(mentioned)
    return sorted(found, key=lambda d: (d.module, d.name))


def mentions(definition: Definition) -> Iterator[Definition]:
    """Yield the classes and aliases of the package that a definition's public part mentions."""
    for annotation in annotations(definition.node):
        for name in names_in(annotation):
            found = module(definition.module).find(name)
            if found is not None and not found.name.startswith("_"):
                yield found


def names_in(annotation: ast.expr) -> Iterator[str]:
    """Yield the names in an annotation, dotted or not, those in quotes too."""
    for node in ast.walk(annotation):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            with suppress(SyntaxError):  # a literal, not a name
                yield from names_in(ast.parse(node.value, mode="eval").body)
        elif isinstance(node, ast.Name | ast.Attribute):
            yield ast.unparse(node)


def subclasses(definition: Definition) -> Iterator[Definition]:
    """Yield the public subclasses of a class in its own module: the kinds of a BTF type."""
    for name, node in module(definition.module).definitions.items():
        if name.startswith("_") or not isinstance(node, ast.ClassDef):
            continue
        if definition.name in map(ast.unparse, node.bases):
            yield Definition(definition.module, name, node)


def annotations(node: ast.stmt) -> Iterator[ast.expr]:
    """Yield the annotations of a function, of a class's bases and public members, of an alias."""
    if isinstance(node, ast.FunctionDef):
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
        yield from (a.annotation for a in every if a.annotation is not None)
        if node.returns is not None:
            yield node.returns
    elif isinstance(node, ast.ClassDef):
        yield from node.bases
        for member in node.body:
            if is_public(member):
                yield from annotations(member)
    elif isinstance(node, ast.AnnAssign):
        yield node.value if is_alias(node) and node.value is not None else node.annotation


def is_alias(node: ast.AST) -> TypeGuard[ast.AnnAssign]:
    """Whether a statement defines a type alias: `Name: TypeAlias = ...`."""
    return isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias"


def is_public(member: ast.stmt) -> bool:
    """Whether a member of a class is for users: a name without _ before it, or Python's own."""
    if isinstance(member, ast.FunctionDef):
        return not member.name.startswith("_") or member.name.endswith("__")
    if isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
        return not member.target.id.startswith("_")
    return False


class _Autodoc(SphinxDirective):
    """A directive that stands for others."""

    def lines(self) -> Iterator[str]:
        """Yield the reStructuredText that it stands for."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        source = self.get_source_info()[0]
        return self.parse_text_to_nodes(StringList(list(self.lines()), source=source))


class PublicApi(_Autodoc):
    """`.. public-api:: functions|classes|exceptions`: those of `btfdump.__all__`."""

    required_arguments = 1

    def lines(self) -> Iterator[str]:
        for name, definition in public():
            value = getattr(btfdump, name)
            if not inspect.isclass(value):
                kind = "functions"
            else:
                kind = "exceptions" if issubclass(value, BaseException) else "classes"
            if kind == self.arguments[0]:
                yield from documented(f"{PACKAGE}.{name}", definition, inherited=True)


class ReachableApi(_Autodoc):
    """`.. reachable-api::`: what the public names' signatures lead to, one section a module."""

    def lines(self) -> Iterator[str]:
        for name, definitions in groupby(reachable(), lambda d: d.module):
            yield from ("", f".. rubric:: {name}", "")
            for definition in definitions:
                yield from documented(f"{name}.{definition.name}", definition)


def documented(path: str, definition: Definition, *, inherited: bool = False) -> Iterator[str]:
    """Yield the directive that documents a definition under the dotted name `path`."""
    if isinstance(definition.node, ast.FunctionDef):
        yield f".. autofunction:: {path}"
    elif isinstance(definition.node, ast.ClassDef):
        home = importlib.import_module(definition.module)
        if not hasattr(home, definition.name):  # a protocol, defined for type checkers only
            yield f".. py:class:: {path}"
            yield ""
            yield from (
                f"   {line}" for line in (ast.get_docstring(definition.node) or "").split("\n")
            )
            yield ""
            return
        yield f".. autoclass:: {path}"
        yield "   :members:"
        yield "   :show-inheritance:"
        if inherited:
            yield "   :inherited-members: BaseException"
    else:  # an alias, which may exist for type checkers only
        assert isinstance(definition.node, ast.AnnAssign)
        assert definition.node.value is not None
        yield f".. py:type:: {path}"
        value = definition.node.value
        text = value.value if isinstance(value, ast.Constant) else ast.unparse(value)
        yield f"   :canonical: {text}"
    yield ""


def plain(app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    """Take a docstring as the plain text it is: of the markup, only `code` and bullets mean any."""
    parts = re.split(r"(?<!`)(`[^`]+`)(?!`)", "\n".join(lines))
    for at, part in enumerate(parts):
        if at % 2 == 0:
            parts[at] = re.sub(r"(?<=\S)\*|(?<!^)\*(?=\S)|(?<=\w)_(?!\w)", r"\\\g<0>", part)
        elif not re.fullmatch(r"[\w.]+(\(\))?", part[1:-1]):
            parts[at] = f"`{part}`"  # nothing that could be a link
    lines[:] = "".join(parts).split("\n")


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.Node | None:
    """Lead a name that stands alone in an annotation to the one documented object so called."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"].lstrip(".")
    domain = env.domains.python_domain
    holder = node.get("py:class", "")
    last = target.rpartition(".")[2].removesuffix("()")
    for name in (f"{PACKAGE}.{last}", f"{holder}.{last}"):
        if name in domain.objects:
            break
    else:
        alike = [name for name in domain.objects if name.endswith(f".{last}")]
        classes = [name for name in alike if domain.objects[name].objtype in _TYPES]
        if len(classes) != 1:
            return None
        name = classes[0]
    found = domain.objects[name]
    docname = node["refdoc"]
    return make_refnode(app.builder, docname, found.docname, found.node_id, content, name)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives with Sphinx."""
    app.add_directive("public-api", PublicApi)
    app.add_directive("reachable-api", ReachableApi)
    app.connect("autodoc-process-docstring", plain)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
