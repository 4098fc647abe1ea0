"""Python, its packages and other programs of this machine, for an archive that a guest boots."""

from __future__ import annotations

import importlib.metadata
import py_compile
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .cpio import Archive

SITE = "opt/site"
"""Where the packages are in the guest."""
WANTED = ("drgn", "rich", "pyelftools", "tomli")
LEFT_OUT = frozenset(
    {"__pycache__", "site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter"}
    | {"turtledemo", "ensurepip", "lib2to3", "pydoc_data", "distutils", "venv"}
)


def add_programs(archive: Archive, files: Iterable[Path]) -> None:
    """Add programs under bin/ with their shared libraries."""
    paths = list(files)
    for path in paths:
        archive.add(f"bin/{path.name}", path, executable=True)
    add_libraries(archive, paths)


def add_libraries(archive: Archive, files: Iterable[Path]) -> None:
    """Add the shared libraries that programs or libraries need, at the paths they have here."""
    done = subprocess.run(["ldd", *files], capture_output=True, text=True, check=False)
    # Those that came inside Python packages are found beside them.
    inside = sysconfig.get_path("platlib")
    for path in re.findall(r"(/\S+) \(0x", done.stdout):
        if path[1:] not in archive and not path.startswith(inside):
            archive.add(path[1:], Path(path), executable=True)


def add_python(archive: Archive) -> None:
    """Add the interpreter that runs this, its standard library, and what btfdump depends on."""
    program = Path(sys.executable).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    archive.add(str(program)[1:], program, executable=True)
    archive.add_link("bin/python3", str(program))
    native = [program]
    for name, path in (*_library_files(library), *_package_files()):
        add_python_file(archive, name, path)
        if ".so" in path.suffixes:
            native.append(path)
    add_libraries(archive, native)
    environment = {
        "PYTHONHOME": sys.base_prefix,
        "PYTHONPATH": f"/opt/btfdump:/{SITE}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    lines = "".join(f"export {name}={value}\n" for name, value in environment.items())
    archive.add("etc/python-env", lines.encode())


def add_python_file(archive: Archive, name: str, path: Path) -> None:
    """Add a file; a module also compiled, because an emulated machine compiles slowly."""
    archive.add(name, path)
    if path.suffix != ".py":
        return
    folder, _, base = name.rpartition("/")
    tag = sys.implementation.cache_tag
    compiled = f"{folder}/__pycache__/{base.removesuffix('.py')}.{tag}.pyc"
    archive.add(compiled, _compile(path, f"/{name}"))


def add_tree(archive: Archive, name: str, folder: Path) -> None:
    """Add the modules and data of a Python package."""
    for path in python_tree_files(folder):
        add_python_file(archive, f"{name}/{path.relative_to(folder).as_posix()}", path)


def python_tree_files(folder: Path) -> list[Path]:
    """Return the files of a Python package, without what is compiled from them."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in files if "__pycache__" not in path.parts)


def package_versions() -> list[str]:
    """Return name and version of each package that `add_python` adds."""
    return [f"{dist.name} {dist.version}" for dist in _distributions()]


def _compile(path: Path, guest_path: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.pyc"
        # Not checked against the source: files of an initramfs have no times.
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(
            str(path), str(out), dfile=guest_path, doraise=True, invalidation_mode=mode
        )
        return out.read_bytes()


def _library_files(library: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(library.rglob("*")):
        parts = path.relative_to(library).parts
        if any(part in LEFT_OUT or part.startswith("config-") for part in parts):
            continue
        if path.is_file() and path.suffix in {".py", ".so"}:
            yield str(path)[1:], path


def _package_files() -> Iterator[tuple[str, Path]]:
    for dist in _distributions():
        for file in dist.files or ():
            path = Path(str(dist.locate_file(file)))
            inside = not file.parts[0].startswith("..") and "__pycache__" not in file.parts
            if inside and path.is_file():
                yield f"{SITE}/{file.as_posix()}", path


def _distributions() -> list[importlib.metadata.Distribution]:
    found: dict[str, importlib.metadata.Distribution] = {}
    queue = list(WANTED)
    while queue:
        name = queue.pop()
        if name in found:
            continue
        try:
            found[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # needed by another version of Python
        needs = (need for need in found[name].requires or () if "extra ==" not in need)
        queue.extend(re.split(r"[^A-Za-z0-9_.-]", need, maxsplit=1)[0] for need in needs)
    return [found[name] for name in sorted(found)]
