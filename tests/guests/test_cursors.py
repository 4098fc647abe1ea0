"""Entries that are none: the place where somebody stands in a list, kept in the list itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sample_dumps.build.guest import Guest

pytestmark = pytest.mark.kernel

# Reads one line of the mounts, and so leaves a struct mount with MNT_CURSOR behind it in the list
# (fs/namespace.c: m_stop(), until Linux 6.7).
READER = r"""
import json, os, subprocess, sys
reader = os.open("/proc/self/mountinfo", os.O_RDONLY)
assert os.read(reader, 1)
sizes = []
for words in sys.argv[1:]:
    words = ["btfdump", "live", "task(1).nsproxy->mnt_ns->list", "--format", "json", *words.split()]
    done = subprocess.run(words, check=True, capture_output=True)
    (root,) = json.loads(done.stdout)["roots"]
    sizes.append(root["count"])
print(json.dumps([len(open("/proc/1/mountinfo").readlines()), *sizes]))
"""
NO_SKIP = '[struct.mnt_namespace]\nlist = { tags = ["mount:mnt_list", "skip:0"] }\n'


@pytest.mark.parametrize("guest_kernel", ["6.1"], indirect=True, scope="session")
def test_a_reader_of_the_mounts_is_no_mount(guest: Guest):
    guest.put("/run/reader.py", READER.encode())
    guest.put("/run/no-skip.toml", NO_SKIP.encode())
    command = "python3 /run/reader.py '--elements 0' '--elements 0 --overlay /run/no-skip.toml'"
    mounts, shown, with_cursor = json.loads(guest.check(command))
    assert shown == mounts
    assert with_cursor > mounts
