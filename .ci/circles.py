"""Fail where modules of btfdump import each other in a circle, imports for typing included."""

from __future__ import annotations

import sys
from graphlib import CycleError, TopologicalSorter

import grimp


def main() -> int:
    """Look at every import; return 1 for a circle, which is printed."""
    graph = grimp.build_graph("btfdump", cache_dir=None)
    needs = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        print("modules import each other in a circle:", " <- ".join(error.args[1]), file=sys.stderr)
        return 1
    print(f"{len(needs)} modules, no circle")
    return 0


if __name__ == "__main__":
    sys.exit(main())
