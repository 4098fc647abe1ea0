"""/proc/kallsyms: what hides it, and what it says."""

import pytest

from btfdump._targets.proc_kallsyms import ProcKallsyms
from btfdump.errors import AmbiguousSymbolError, MissingDataError
from tests.support.proc_files import write

SYMBOLS = b"""\
0000000000000000 A fixed_percpu_data
ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000100 t helper
ffffffff81000200 T helper
ffffffff81000200 T __helper
ffffffff82000000 D init_task
ffffffff82001000 b twice
ffffffff82002000 b twice
ffffffff83000000 B _end
ffffffffc0000000 t init_module\t[some]
ffffffffc0000000 D init_task\t[some]
"""


@pytest.mark.parametrize(
    ("restrict", "remedy"), [(0, "run as root, or with CAP_SYSLOG"), (2, "kernel.kptr_restrict=1")]
)
def test_hidden_symbols(running, restrict, remedy):
    hidden = b"\n".join(b"0" * 16 + line[16:] for line in SYMBOLS.splitlines())
    write(running, "proc/kallsyms", hidden)
    write(running, "proc/sys/kernel/kptr_restrict", b"%d\n" % restrict)
    with pytest.raises(
        MissingDataError, match=f"hides the addresses.*kptr_restrict={restrict}.*{remedy}"
    ):
        running.kallsyms()


def test_no_kallsyms(running):
    with pytest.raises(MissingDataError, match=r"kallsyms: No such file.*--vmlinux"):
        running.kallsyms()


def test_names_and_addresses():
    table = ProcKallsyms(SYMBOLS)
    assert table.has_addresses
    assert table.find("init_task") == 0xFFFFFFFF82000000  # not the module's
    assert table.find("helper") == 0xFFFFFFFF81000200  # the global one
    twice = [found.address for found in table.find_all("twice")]
    assert twice == [0xFFFFFFFF82001000, 0xFFFFFFFF82002000]
    with pytest.raises(AmbiguousSymbolError, match="2 symbols are called twice"):
        table.find("twice")
    assert table.find("init_module") is None
    assert table.extent("init_task") == 0x1000
    assert table.extent("nosuch") == 0
    assert table.extent("_end") == 0
    assert table.nearest(0xFFFFFFFF81000208) == ("helper", 8)
    assert table.nearest(0xFFFFFFFF80FFFFFF) is None
    assert table.nearest(0xFFFFFFFF83000000) is None
