"""What lies at an address: a slab object, a variable, a stack or a page, and which member."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from btfdump._kernel.claims import named_after
from btfdump._kernel.direct_map import direct_map, image_map
from btfdump._kernel.value_at import value_at
from btfdump._places.member_at import member_at
from btfdump._places.stacks import Stacks
from btfdump._places.vmalloc import VmallocAreas
from btfdump._targets.memory import symbols_around, symbols_named
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from btfdump._kernel.context import Context
    from btfdump._kernel.direct_map import DirectMap, ImageMap
    from btfdump._kernel.value import Value

SLAB, VARIABLE, PER_CPU, STACK, VMALLOC, MODULE, PAGE, UNKNOWN = (
    *("slab", "variable", "per-CPU", "stack", "vmalloc", "module", "page", "unknown"),
)


class Place(NamedTuple):
    """What lies at a virtual address.

    `kind` is one of the words above; `holder` what has the address, in words; `path` the member
    there, "" if its type is not known; `value` the whole object, None if its type is not known. It
    is `[start, end)`; `address` is where users find it: that of a stack in vmalloc space, not that
    of its page in the direct map. `stale` says why what is there counts no more, "" if it does
    or if that is not known. A type that is not `is_sure` is that of one of several slab caches
    which the kernel has merged.
    """

    kind: str
    holder: str
    address: int
    start: int
    end: int
    path: str = ""
    value: Value | None = None
    stale: str = ""
    is_sure: bool = True

    @property
    def told(self) -> str:
        """The place in words: `slab task_struct, at .tasks.next`, `kmalloc-64 0x... at +0x8`."""
        if not self.path:
            return self.holder
        is_member = not self.path.startswith(("+", "["))
        return f"{self.holder}, at {'.' if is_member else ''}{self.path}"


class Places:
    """Names places in one kernel. What has to be looked up for that is read once, when needed."""

    def __init__(self, kernel: Context, tasks: Callable[[], Iterable[Value]]) -> None:
        self._kernel = kernel
        self._find_tasks = tasks

    @cached_property
    def direct(self) -> DirectMap | None:
        """The direct map, None if it is not known where that is."""
        try:
            return direct_map(self._kernel)
        except BtfdumpError:
            return None

    @cached_property
    def image(self) -> ImageMap | None:
        """The kernel's image, None if it is not known where that is."""
        return image_map(self._kernel, self.direct) if self.direct is not None else None

    @cached_property
    def areas(self) -> VmallocAreas | None:
        """The vmalloc areas, None without a direct map."""
        return VmallocAreas(self._kernel, self.direct) if self.direct is not None else None

    @cached_property
    def stacks(self) -> Stacks:
        """The stacks of all tasks."""
        return Stacks(self._find_tasks())

    @property
    def problems(self) -> list[str]:
        """What could not be read of what names places."""
        known = vars(self)  # what was not needed is not looked for
        made = (known.get("areas"), known.get("stacks"))
        return [one.problem for one in made if one is not None and one.problem]

    def of(self, address: int) -> Place:
        """Return what lies at a virtual address, of whatever mapping."""
        image = self.image.to_image(address) if self.image is not None else None
        if image is not None and not self._is_init(image):
            address = image
        elif self.areas is not None and (virtual := self.areas.virtual(address)) is not None:
            address = virtual
        return (
            self._in_slab(address)
            or self._per_cpu(address)
            or self._variable(address)
            or self._on_stack(address)
            or self._in_area(address)
            or self._on_page(address)
            or Place(UNKNOWN, "no memory that is known", address, address, address + 1)
        )

    def _is_init(self, address: int) -> bool:
        """Whether an address of the image is in what the kernel freed when it had booted.

        Its pages are anybody's then (free_initmem()).
        """
        start, end = self._init
        return start <= address < end

    @cached_property
    def _init(self) -> tuple[int, int]:
        symbol = self._kernel.target.symbol
        try:
            return symbol("__init_begin"), symbol("__init_end")
        except BtfdumpError:
            return 0, 0

    def _in_slab(self, address: int) -> Place | None:
        kernel = self._kernel
        slabs = kernel._slabs
        found = slabs.find(address) if slabs is not None else None
        if found is None:
            return None
        state = kernel._freelists.state(address) if kernel._freelists is not None else None
        stale = "freed" if state is not None and state.is_free else ""
        inside, cache = address - found.start, found.cache
        owner = next(iter(named_after(kernel, cache)), None) if not cache.is_kmalloc else None
        end = found.start + cache.size
        if owner is None:
            more = f"+{inside:#x}" if inside else ""
            return Place(
                SLAB, f"{cache.name} {found.start:#x}", address, found.start, end, more, None, stale
            )
        value = value_at(kernel, owner.type, found.start)
        path = member_at(kernel.layouts, owner, inside).text
        if not cache.is_exact:  # it was merged with others, and has the name of one of them
            holder = f"slab {cache.name} (merged)"
            return Place(SLAB, holder, address, found.start, end, path, value, stale, is_sure=False)
        return Place(SLAB, f"slab {cache.name}", address, found.start, end, path, value, stale)

    def _per_cpu(self, address: int) -> Place | None:
        kernel = self._kernel
        if self._template is None:
            return None
        start, end = self._template
        for cpu, offset in enumerate(kernel.target.per_cpu_offsets):
            inside = kernel.wrap(address - offset)
            if not start <= inside < end:
                continue
            symbol = self._symbol_before(inside)
            if symbol is None:
                return None
            return self._of_variable(PER_CPU, *symbol, address, offset, f"[{cpu}]")
        return None

    def _variable(self, address: int) -> Place | None:
        kernel = self._kernel
        named = kernel.symbolize(address)
        if named is None:
            return self._far_from_symbol(address)
        named, _, module = named.removesuffix("]").partition(" [")
        name, _, inside = named.partition("+0x")
        start = address - int(inside or "0", 16)
        if module:
            return self._of_variable(MODULE, f"{module}:{name}", start, address, 0, "")
        return self._of_variable(VARIABLE, name, start, address, 0, "")

    def _far_from_symbol(self, address: int) -> Place | None:
        """Return the place in a variable so long that its name is not believed without its size."""
        if self.image is None or not self.image.start <= address < self.image.end:
            return None
        symbol = self._symbol_before(address)
        return self._of_variable(VARIABLE, *symbol, address, 0, "") if symbol else None

    def _symbol_before(self, address: int) -> tuple[str, int] | None:
        """Return the name and the address of the symbol at or before an address of the image."""
        target = self._kernel.target
        name = symbols_around(target, address + 1)[0]
        found = [one.address for one in symbols_named(target, name) if one.address <= address]
        return (name, max(found)) if found else None

    def _of_variable(
        self, kind: str, name: str, symbol: int, address: int, offset: int, cpu: str
    ) -> Place:
        """Return the place of a variable: its type may be known; it may be longer than that."""
        kernel = self._kernel
        start = kernel.wrap(symbol + offset)
        inside = address - start
        more = f"+{inside:#x}" if inside else ""
        try:
            type_, known, _ = kernel.variable(name)
            layout = kernel.layouts.of(type_)
        except BtfdumpError:
            return Place(kind, f"{name}{cpu}", address, start, address + 1, more)
        if known != symbol or inside >= layout.size:
            return Place(kind, f"{name}{cpu}", address, start, address + 1, more)
        value = value_at(kernel, type_, start)
        path = member_at(kernel.layouts, layout, inside).text
        return Place(kind, f"{name}{cpu}", address, start, start + layout.size, path, value)

    def _on_stack(self, address: int) -> Place | None:
        found = self.stacks.find(address)
        if found is None:
            return None
        stale = "below the stack pointer" if found.is_stale else ""
        start = address - found.offset
        return Place(
            *(STACK, "stack", address, start, start + self.stacks.size),
            *(f"+{found.offset:#x}", found.task, stale),
        )

    def _in_area(self, address: int) -> Place | None:
        area = self.areas.area(address) if self.areas is not None else None
        if area is None:
            return None
        by = self._kernel.symbolize(area.caller)
        holder = f"vmalloc area {area.start:#x}" + (f" of {by}" if by else "")
        inside = address - area.start
        return Place(VMALLOC, holder, address, area.start, area.end, f"+{inside:#x}")

    def _on_page(self, address: int) -> Place | None:
        direct, kernel = self.direct, self._kernel
        number = direct.page_number(address) if direct is not None else None
        if direct is None or number is None:
            return None
        start = direct.address_of(number)
        page = value_at(kernel, "struct page", direct.pages + number * kernel.struct("page").size)
        end = start + direct.page_size
        return Place(PAGE, f"page {start:#x}", address, start, end, f"+{address - start:#x}", page)

    @cached_property
    def _template(self) -> tuple[int, int] | None:
        """The addresses of the per-CPU variables in the image, which no CPU uses."""
        try:
            start, end = map(self._kernel.target.symbol, ("__per_cpu_start", "__per_cpu_end"))
        except BtfdumpError:
            return None
        return start, end
