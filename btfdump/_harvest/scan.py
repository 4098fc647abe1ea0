"""From one file of C to what each function and macro in it declares, assigns, calls and returns.

Nothing is resolved here: the result is small, has no tree-sitter nodes in it, and travels between
processes. Functions that name no container are passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from btfdump._harvest.containers import LINK_TYPES, leads_to_container, leads_to_table
from btfdump._harvest.idioms import IDIOMS
from btfdump._harvest.scopes import Scopes
from btfdump._harvest.syntax import (
    OTHER,
    AddressOf,
    Call,
    CType,
    Expression,
    Other,
    Var,
    arguments,
    arithmetic,
    declarators,
    declared_base,
    expression,
    function_name,
    is_array,
    plain_type,
    text_of,
)
from btfdump._harvest.tables import (
    IndexedTable,
    bound_of,
    constants,
    is_index,
    may_be_length,
    table,
    value_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tree_sitter import Node, Parser

WORTH_READING = re.compile(
    rb"list_|hlist|rb_|rbtree|xa_|idr_|radix_tree|\bmt_|\bmas_|mtree|container_of|hash_|rhash|rhl_"
    rb"|for_each|_entry\b|skb_|timerqueue"
)
STRUCT = re.compile(
    rb"^(?:(?:typedef|static|extern)\s+)*(?:struct|union)\s+(\w+)\s*(?:/\*[^*]*\*/\s*)?\{(.*?)^\}",
    re.M | re.S,
)
TYPEDEF = re.compile(rb"^typedef\b(?:[^;{}]|\{[^{}]*\})*?\b(\w+)[ \t]*(?=;)", re.M)
CONDITIONAL = re.compile(
    rb"^[ \t]*#[ \t]*(?:if|ifdef|ifndef|else|elif|endif)\b(?:\\\n|[^\n])*", re.M
)
_NESTED = re.compile(rb"\b(?:struct|union)\s+(\w+)\s*\{")
_TAKES_LINK = re.compile(
    rb"\b(\w+)\s*\([^(){};]*\b(?:%s)\b[^(){};]*\)[^(){};]*;" % "|".join(LINK_TYPES).encode()
)
_TYPE_ARGUMENT = re.compile(rb"([(,]\s*)(struct|union)\s+(\w+)(?=\s*[,)])")
_ATTRIBUTE = re.compile(
    rb"\b(?:__always_inline|noinline|asmlinkage|notrace|__(?:init|exit|net_init|net_exit|sched|cold|hot"
    rb"|ref|must_check|maybe_unused|always_unused|latent_entropy|rcu|user|percpu|iomem|force"
    rb"|bpf_kfunc))\b"
)
_END_OF_BLOCK = re.compile(rb"^\}[^\n]*\n", re.M)
_WORD = re.compile(rb"[A-Za-z_]\w*")
_FEW = 8
_TREE_STATE = CType("struct ma_state")
_RENAMED = frozenset(("callback_head",))  # include/linux/types.h: #define rcu_head callback_head
_MEMBER_NAME = re.compile(rb"^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(\w+(?:\.\w+)+)[ \t]*$", re.M)
_LINE_END = re.compile(r"\\\n")
_DEFINING = {
    "LIST_HEAD": CType("struct list_head"),
    "HLIST_HEAD": CType("struct hlist_head"),
    "LLIST_HEAD": CType("struct llist_head"),
    "PLIST_HEAD": CType("struct plist_head"),
    "DEFINE_IDR": CType("struct idr"),
    "DEFINE_XARRAY": CType("struct xarray"),
    "DEFINE_XARRAY_ALLOC": CType("struct xarray"),
    "DEFINE_XARRAY_FLAGS": CType("struct xarray"),
}


@dataclass(slots=True)
class Function:
    """A function or macro: variables by number (parameters first), and what is done with them.

    A macro's parameters are not variables but names to be replaced, in `macro_params`. `tables`
    are uses of tables of heads, `numbers` what is assigned to numbers, and `bounds` the ends of the
    loops whose variables these are. `is_static` means that no other file can call it by name.
    """

    name: str
    file: str
    params: int
    types: list[CType | None]
    returns: CType | None
    macro_params: tuple[str, ...] | None = None
    calls: list[Call] = field(default_factory=list)
    assigns: list[tuple[Var, Expression]] = field(default_factory=list)
    results: list[Expression] = field(default_factory=list)
    tables: list[IndexedTable] = field(default_factory=list)
    numbers: list[tuple[int, Expression]] = field(default_factory=list)
    bounds: dict[int, Expression] = field(default_factory=dict)
    is_static: bool = False


@dataclass(slots=True)
class FileFacts:
    """What one file says.

    `structs` says whether its definition of a struct is that of the BTF. `renamed` has the macros
    that stand for a member of a member (`#define sk_node __sk_common.skc_node`), `constants` those
    that may be lengths: `OTHER` where the file has several of a name. `static` has those of
    `globals` that no other file can name, `prototypes` the functions that a header declares and
    that are passed a link. `problem` says why nothing was read, "" if the file was.
    """

    path: str
    functions: list[Function] = field(default_factory=list)
    globals: dict[str, CType] = field(default_factory=dict)
    structs: dict[str, bool] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    constants: dict[str, Expression] = field(default_factory=dict)
    static: set[str] = field(default_factory=set)
    prototypes: set[str] = field(default_factory=set)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the BTF a file is read for: the members of each struct, and those that are tables."""

    members: Mapping[str, frozenset[str]]
    tables: frozenset[str] = frozenset()


def scan(path: str, source: bytes, wanted: Wanted) -> FileFacts:
    """Read one file."""
    members = wanted.members
    facts = FileFacts(path)
    if b"struct" not in source:  # a third of the source: names of registers, and tables of numbers
        return facts
    for match in STRUCT.finditer(source):
        names = [match[1], *_NESTED.findall(match[2])]
        known = [(n, members[n]) for n in (name.decode() for name in names) if n in members]
        words = {word.decode() for word in _WORD.findall(match[2])} if known else set()
        for name, all_ in known:
            missing = {m for m in all_ - words - _RENAMED if not m.startswith("__empty_")}
            fits = len(missing) <= len(all_) // _FEW  # macros make a few
            facts.structs[name] = fits or facts.structs.get(name, False)  # an #else has another
    if path.endswith(".h"):
        facts.prototypes = {m[1].decode() for m in _TAKES_LINK.finditer(source)}
    facts.renamed = {m[1].decode(): m[2].decode() for m in _MEMBER_NAME.finditer(source)}
    if _is_worth_reading(path, source):
        for name, text in constants(source):
            value = value_of(c_parser().parse(text).root_node)
            facts.constants[name] = value if facts.constants.get(name, value) == value else OTHER
        for piece in _pieces(source):
            for node in c_parser().parse(piece).root_node.children:
                _enter(node, facts, wanted.tables)
    return facts


def _is_worth_reading(path: str, source: bytes) -> bool:
    """Whether a file names a container, or is a header with functions that lead to one."""
    return bool(WORTH_READING.search(source)) or (
        path.endswith(".h") and b"static inline" in source
    )


def _pieces(source: bytes) -> Iterator[bytes]:
    """Cut a file after each `}` in the first column, where functions of the kernel end.

    So what the parser does not understand costs one function, not the rest of the file. Every
    branch of conditional code is read. A type as an argument is made one word, so that it is C,
    and attributes that macros stand for are left out: the parser would take them for types.
    """
    text = _ATTRIBUTE.sub(b"", CONDITIONAL.sub(b"", source))
    text = _TYPE_ARGUMENT.sub(rb"\1\2__\3", text)
    start = 0
    for match in _END_OF_BLOCK.finditer(text):
        yield text[start : match.end()]
        start = match.end()
    yield text[start:]


@cache
def c_parser() -> Parser:
    """Return the parser of C; raises `ImportError` without the extra `harvest`."""
    import tree_sitter
    import tree_sitter_c

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_c.language()))


def _enter(node: Node, facts: FileFacts, tables: frozenset[str]) -> None:
    if node.type == "declaration":
        _enter_globals(node, facts)
    elif node.type == "expression_statement" and node.named_children:
        _enter_defined(node.named_children[0], facts)
    elif node.type == "preproc_function_def":
        macro = _macro(node, facts.path, tables)
        if macro is not None:
            facts.functions.append(macro)
    elif node.type == "function_definition":
        function = _function(node, facts, tables)
        if function is not None and _says_anything(function):
            facts.functions.append(function)
        elif function is not None and function.returns is not None and function.returns.stars:
            function.types = function.types[: function.params]  # what it returns is all it says
            facts.functions.append(function)
    elif node.type == "compound_statement" and node.prev_sibling is not None:
        # SYSCALL_DEFINE3(name, ...) and the like: parsed as a call, and then a block
        call = text_of(node.prev_sibling)
        name = re.match(r"\w+\((\w+)", call)
        body = _Body(Function(name[1] if name else "", facts.path, 0, [], None), tables)
        body.read(node)
        facts.functions.append(body.function)


def _enter_globals(node: Node, facts: FileFacts) -> None:
    base = declared_base(node)
    if base is None:
        return
    if base in _DEFINING:
        names = [text_of(n).strip("()") for n in node.children_by_field_name("declarator")]
        facts.globals.update(dict.fromkeys(names, _DEFINING[base]))
    else:
        named = {
            text_of(name): CType(base, stars, is_array(_declarator(name)))
            for name, stars, _ in declarators(node)
        }
        names = list(named)
        facts.globals.update(named)
    if _is_static(node):
        facts.static.update(names)


def _declarator(name: Node) -> Node:
    """Return the outermost of the declarators around a name."""
    node = name
    while node.parent is not None and node.parent.type.endswith("declarator"):
        node = node.parent
    return node


def _enter_defined(node: Node, facts: FileFacts) -> None:
    """Enter `LIST_HEAD(name);`, which looks like a call where nothing is before it."""
    call = arguments(node, lambda name: None) if node.type == "call_expression" else None
    if call is not None and call.name in _DEFINING and call.texts:
        facts.globals[call.texts[0]] = _DEFINING[call.name]


def _is_static(node: Node) -> bool:
    return any(
        child.type == "storage_class_specifier" and child.text == b"static"
        for child in node.children
    )


def _says_anything(function: Function) -> bool:
    return bool(function.calls or function.results or function.assigns or function.tables)


def _function(node: Node, facts: FileFacts, tables: frozenset[str]) -> Function | None:
    named = function_name(node)
    body = node.child_by_field_name("body")
    if named is None or body is None:
        return None
    name, params, stars = named
    base = declared_base(node)
    returns = CType(base, stars) if base is not None else None
    heads = {n for n, t in facts.globals.items() if leads_to_table(t)}
    reading = _Body(Function(text_of(name), facts.path, 0, [], returns), tables | heads)
    for param in params.named_children:
        if param.type == "parameter_declaration":
            reading.declare(param)
    reading.function.params = len(reading.function.types)
    reading.function.is_static = _is_static(node) and facts.path.endswith(".c")
    reading.read(body)
    return reading.function


def _macro(node: Node, path: str, tables: frozenset[str]) -> Function | None:
    """Read a macro with parameters as if its text were a function's body."""
    name, params, value = (node.child_by_field_name(n) for n in ("name", "parameters", "value"))
    if name is None or params is None or value is None:
        return None
    if not WORTH_READING.search(value.text or b"") and not is_index(text_of(name)):
        return None
    text = _LINE_END.sub(" ", (value.text or b"").decode("utf-8", "replace"))
    names = tuple(text_of(p) for p in params.named_children if p.type == "identifier")
    macro = _Body(Function(text_of(name), path, 0, [], None, names), tables)
    tree = c_parser().parse(f"void f(void) {{ {text} ; }}".encode())
    function = tree.root_node.children[0]
    block = function.child_by_field_name("body")
    if block is None:
        return None
    macro.read(block)
    statements = [c for c in block.named_children if c.type != "comment"]
    if statements and statements[0].type == "expression_statement":
        inner = statements[0].named_children
        if inner:
            macro.function.results.append(expression(inner[0], macro.scopes.find))
            if is_index(macro.function.name):
                macro.function.results.append(arithmetic(inner[0], macro.scopes.find))
    return macro.function


class _Body:
    """Reads the statements of one function, block by block."""

    def __init__(self, function: Function, tables: frozenset[str]) -> None:
        self.function = function
        self.tables = tables
        self.scopes = Scopes()
        self.scopes.types = function.types

    def declare(self, node: Node) -> None:
        """Enter the variables of a declaration, and their initial values."""
        base = declared_base(node)
        for name, stars, value in declarators(node):
            type_ = plain_type(base, stars) if base is not None else None
            number = self.scopes.declare(text_of(name), type_)
            if value is not None:
                self._assign(Var(number), expression(value, self.scopes.find))
                self._count(number, value)

    def read(self, block: Node) -> None:
        """Read a block: its statements and expressions, in order; blocks inside it are scopes."""
        pending: list[Node | None] = [block]  # None: the end of a block
        while pending:
            node = pending.pop()
            if node is None:
                self.scopes.leave()
                continue
            if node.type in ("compound_statement", "for_statement"):
                self.scopes.enter()
                pending.append(None)
                done = self._loop(node) if node.type == "for_statement" else None
            else:
                self._visit(node)
                done = None
            pending += [c for c in reversed(node.children) if c.child_count and c != done]

    def _visit(self, node: Node) -> None:
        find = self.scopes.find
        if node.type == "declaration":
            self.declare(node)
        elif node.type == "call_expression":
            call = arguments(node, find)
            if call is not None and self._matters(call):
                self.function.calls.append(call)
                self._declare_by_macro(call)
        elif node.type == "assignment_expression":
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            if left is not None and right is not None:
                to = expression(left, find)
                self._assign(to, expression(right, find))
                if isinstance(to, Var):
                    self._count(to.number, right)
        elif node.type in ("subscript_expression", "binary_expression"):
            use = table(node, find, self.tables, self.function.types)
            if use is not None:
                self.function.tables.append(use)
        elif node.type == "return_statement" and node.named_children:
            self._return(node.named_children[0])

    def _return(self, value: Node) -> None:
        result = expression(value, self.scopes.find)
        if leads_to_container(self.function.returns) or _is_look_up(result):
            self.function.results.append(result)
        elif is_index(self.function.name):
            index = arithmetic(value, self.scopes.find)
            if may_be_length(index):
                self.function.results.append(index)

    def _loop(self, node: Node) -> Node | None:
        """Declare the variable of a loop once more: inside it, the end of the loop bounds it.

        Returns the declaration in the loop's parentheses, which has been read.
        """
        first = node.child_by_field_name("initializer")
        declaration = first if first is not None and first.type == "declaration" else None
        if declaration is not None:
            self.declare(declaration)
        bound = bound_of(node, self.scopes.find)
        if bound is not None:
            name, end = bound
            number = self.scopes.find(name)
            type_ = self.function.types[number] if number is not None else None
            if type_ is None or not type_.stars:
                self.function.bounds[self.scopes.declare(name, type_)] = end
        return declaration

    def _count(self, number: int, value: Node) -> None:
        """Keep what a number is computed from."""
        type_ = self.function.types[number]
        if type_ is None or not type_.stars:
            computed = arithmetic(value, self.scopes.find)
            if may_be_length(computed):
                self.function.numbers.append((number, computed))

    def _matters(self, call: Call) -> bool:
        """Whether a call may say something of a container: of most, nothing is kept."""
        if self.function.macro_params is not None or WORTH_READING.search(call.name.encode()):
            return True
        types = self.function.types
        return any(
            isinstance(arg, AddressOf) or (isinstance(arg, Var) and _may_lead(types[arg.number]))
            for arg in call.args
        )

    def _assign(self, left: Expression, right: Expression) -> None:
        if not isinstance(left, Var) or isinstance(right, Other):
            return
        if _may_lead(self.function.types[left.number]) or _is_look_up(right):
            self.function.assigns.append((left, right))

    def _declare_by_macro(self, call: Call) -> None:
        """MA_STATE(mas, tree, ...) declares a variable that stands for the tree from there on."""
        if call.name in ("MA_STATE", "VMA_ITERATOR") and len(call.args) > 1:
            number = self.scopes.declare(call.texts[0], _TREE_STATE)
            self._assign(Var(number), call.args[1])


def _may_lead(type_: CType | None) -> bool:
    """Whether what a variable was assigned is needed to know where it leads, or its type."""
    unknown = type_ is None or type_.base.startswith(("void", "typeof", "__auto"))
    return unknown or leads_to_container(type_) or type_ == _TREE_STATE


def _is_look_up(expression: Expression) -> bool:
    idiom = IDIOMS.get(expression.name) if isinstance(expression, Call) else None
    return idiom is not None and idiom.is_result
