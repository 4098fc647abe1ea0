"""The sample dumps, each unpacked and opened once, and what is known of their guests."""

from __future__ import annotations

import json
import lzma
import shutil
import signal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import settings

from btfdump._api.opening import open_core
from tests.support import kdump_formats
from tests.support.patched import PatchedKernel
from tests.support.together import Scheduling, common_folder, make_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._api.kernel import Kernel
    from btfdump._kernel.value import Value

# How long an example takes says how busy the machine is.
settings.register_profile("btfdump", deadline=None)
settings.load_profile("btfdump")

# What runs in the background of a script ignores Ctrl-C, and so would the commands that tests run.
signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).resolve().parents[1]
DUMPS = REPOSITORY / "sample_dumps"
FORMATS = Path(__file__).parent / "data" / "formats"
GOLDEN = Path(__file__).parent / "golden"


def unpack_xz(source: Path, path: Path) -> None:
    with lzma.open(source) as packed, path.open("wb") as out:
        shutil.copyfileobj(packed, out, 1 << 20)


class Sample(NamedTuple):
    """A sample dump."""

    file: Path
    folder: str
    """The folder under DUMPS of what is known of its guest."""
    make: Callable[[Path, Path], None] | None = None
    """What writes the dump out of the file, where the file is not the dump itself."""


TAGGED = DUMPS / "tagged-6.12" / "vmcore"
SAMPLES = {
    "tagged": Sample(TAGGED, "tagged-6.12"),
    "stock": Sample(DUMPS / "stock-6.12" / "vmcore", "stock-6.12"),
    "stock-7.3": Sample(DUMPS / "stock-7.3" / "vmcore", "stock-7.3"),
    "s390x": Sample(DUMPS / "s390x-6.12" / "vmcore.elf.xz", "s390x-6.12", unpack_xz),
    "zstd": Sample(TAGGED, "tagged-6.12", kdump_formats.write_zstd),
    "filtered": Sample(FORMATS / "filtered.elf.xz", "tagged-6.12", unpack_xz),
    "flattened": Sample(TAGGED, "tagged-6.12", kdump_formats.write_flattened),
    "garden": Sample(DUMPS / "garden-6.12" / "vmcore", "garden-6.12"),
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Say how the tests are shared out among parallel processes."""
    return Scheduling(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens", action="store_true", help="rewrite tests/golden/ with today's output"
    )


@pytest.fixture(scope="session")
def dump_file() -> Callable[[str], Path]:
    """Return path under sample_dumps/ -> that file."""
    return DUMPS.joinpath


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep commands that tests run away from the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return name -> path of a sample dump; those that are to be made are made once."""
    folder = common_folder(tmp_path_factory)
    known: dict[str, Path] = {}

    def find(name: str) -> Path:
        if name not in known:
            file, _, make = SAMPLES[name]
            known[name] = file if make is None else make_once(folder / name, partial(make, file))
        return known[name]

    return find


@pytest.fixture(scope="session")
def truth() -> Callable[..., Any]:
    """Return (name, which) -> ground truth of the guest that a sample dump was taken of.

    `which` is "" for tasks, BPF and whole objects, "-2" for more of the kernel's containers.
    """
    known: dict[str, Any] = {}

    def load(name: str, which: str = "") -> Any:
        file_name = f"{SAMPLES[name].folder}/ground-truth{which}.json.xz"
        if file_name not in known:
            with lzma.open(DUMPS / file_name, "rt") as file:
                known[file_name] = json.load(file)
        return known[file_name]

    return load


@pytest.fixture(scope="session")
def console() -> Callable[[str, str], str]:
    """Return (name, section) -> what the guest of a sample dump printed before it died."""
    known: dict[str, str] = {}

    def section(name: str, title: str) -> str:
        folder = SAMPLES[name].folder
        if folder not in known:
            path = DUMPS / folder / "console.log.xz"
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
def patched(opened: Callable[[str], Kernel]) -> PatchedKernel:
    """The tagged kernel with patches of its own."""
    return PatchedKernel(opened("tagged"))


@pytest.fixture
def poke(patched: PatchedKernel) -> Callable[[Value, int], None]:
    """Return a function that changes an integer or pointer of the patched kernel."""

    def change(member: Value, number: int) -> None:
        data = number.to_bytes(member.size_, patched.target.platform.byteorder)
        patched.target.write(member.address_, data)

    return change


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
