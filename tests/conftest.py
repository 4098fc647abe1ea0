"""The sample dumps, each unpacked and opened once, and what is known of their guests."""

from __future__ import annotations

import json
import lzma
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from btfdump.kernel import Kernel, open_core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).resolve().parents[1]
DUMPS = REPOSITORY.parent / "shared" / "dumps"
GOLDEN = Path(__file__).parent / "golden"
# name -> (file under DUMPS, folder of its ground truth)
SAMPLES = {
    "tagged": ("tagged-6.12/vmcore", "tagged-6.12"),
    "stock": ("stock-6.12/vmcore", "stock-6.12"),
    "s390x": ("s390x-6.12/vmcore.elf.xz", "s390x-6.12"),
    "zstd": ("formats/zstd.kdump", "tagged-6.12"),
    "filtered": ("formats/filtered.elf.xz", "tagged-6.12"),
    "flattened": ("formats/zlib.flattened", "tagged-6.12"),
    "garden": ("garden-6.12/vmcore", "garden-6.12"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens", action="store_true", help="rewrite tests/golden/ with today's output"
    )


def find_dump_file(relative: str) -> Path:
    """Find a file among the dumps beside the repository; the tagged ones are inside it as well."""
    folder, _, rest = relative.partition("/")
    places = [DUMPS / relative, REPOSITORY / "sample_dumps" / relative]
    if folder == "tagged-6.12":
        places.append(REPOSITORY / "sample_dumps" / rest)
    for path in places:
        if path.exists():
            return path
    pytest.fail(f"{places[0]} is missing: the sample dumps are expected beside the repository")


@pytest.fixture(scope="session")
def dump_file() -> Callable[[str], Path]:
    """Return path under the dumps -> where that file is."""
    return find_dump_file


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep commands that tests run away from the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return name -> path of a sample dump; .xz files are unpacked once."""
    folder = tmp_path_factory.mktemp("dumps")
    known: dict[str, Path] = {}

    def find(name: str) -> Path:
        if name not in known:
            path = find_dump_file(SAMPLES[name][0])
            if path.suffix == ".xz":
                unpacked = folder / path.stem
                with lzma.open(path) as packed, unpacked.open("wb") as out:
                    shutil.copyfileobj(packed, out, 1 << 20)
                path = unpacked
            known[name] = path
        return known[name]

    return find


@pytest.fixture(scope="session")
def truth() -> Callable[..., Any]:
    """Return (name, which) -> ground truth of the guest that a sample dump was taken of.

    `which` is "" for tasks, BPF and whole objects, "-2" for more of the kernel's containers.
    """
    known: dict[str, Any] = {}

    def load(name: str, which: str = "") -> Any:
        file_name = f"{SAMPLES[name][1]}/ground-truth{which}.json.xz"
        if file_name not in known:
            with lzma.open(find_dump_file(file_name), "rt") as file:
                known[file_name] = json.load(file)
        return known[file_name]

    return load


@pytest.fixture(scope="session")
def console() -> Callable[[str, str], str]:
    """Return (name, section) -> what the guest of a sample dump printed before it died."""
    known: dict[str, str] = {}

    def section(name: str, title: str) -> str:
        folder = SAMPLES[name][1]
        if folder not in known:
            path = find_dump_file(f"{folder}/console.log.xz")
            with lzma.open(path, "rt", encoding="utf-8", errors="replace") as log:
                known[folder] = log.read()
        begin = f"=== BEGIN {title}\n"
        assert begin in known[folder], f"{title} is no section of the console log of {folder}"
        return known[folder].partition(begin)[2].partition(f"=== END {title}\n")[0]

    return section


@pytest.fixture(scope="session")
def opened(sample: Callable[[str], Path]) -> Iterator[Callable[[str], Kernel]]:
    """Return name -> the kernel of a sample dump, opened once. Not to be modified."""
    known: dict[str, Kernel] = {}

    def find(name: str) -> Kernel:
        if name not in known:
            known[name] = open_core(sample(name))
        return known[name]

    yield find
    for kernel in known.values():
        kernel.close()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Return a function that compares text with a file under tests/golden/, or rewrites it."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-goldens"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8", newline="\n")
        if not path.exists():
            pytest.fail(f"no golden {name}: run pytest --update-goldens and read what it wrote")
        assert text == path.read_text("utf-8")

    return compare
