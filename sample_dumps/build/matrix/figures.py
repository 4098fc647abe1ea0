"""What was seen of the kernels of the matrix, as data: figures.json, and the page made of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FILE = Path(__file__).with_name("figures.json")
MAX_EXAMPLES = 40


@dataclass
class Figures:
    """What was seen of one kernel; `failures` says of each step that failed why it did."""

    name: str
    package: str
    release: str = ""
    machine: str = ""
    modules: int = 0
    tasks: int = 0
    compared: int | None = None
    different: int = 0
    meanings: int = 0
    slabs_by: str = ""
    objects: int = 0
    lines: int = 0
    heads: int = 0
    entries: int = 0
    fitting: int = 0
    inside: int = 0
    elsewhere: int = 0
    met: int = 0
    dead: dict[str, str] = field(default_factory=dict)
    misfits: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    shown: dict[str, int] = field(default_factory=dict)
    notes: dict[str, dict[str, int]] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    estate: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def noted(self) -> int:
        """The number of notes of all roots and tables."""
        return sum(sum(texts.values()) for texts in self.notes.values())


def load(file: Path = FILE) -> dict[str, Figures]:
    """Return the figures kept of each kernel, by its name in the matrix."""
    if not file.exists():
        return {}
    document: dict[str, dict[str, Any]] = json.loads(file.read_text("utf-8"))
    return {name: Figures(**known) for name, known in document.items()}


def store(figures: Mapping[str, Figures], order: Iterable[str], file: Path = FILE) -> None:
    """Keep the figures, in the order of the matrix."""
    document = {name: asdict(figures[name]) for name in order if name in figures}
    file.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
