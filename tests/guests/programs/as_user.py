"""as_user.py CAPABILITIES COMMAND...: run a command as user 1000 with capabilities "38,39"."""

import ctypes
import os
import struct
import sys

PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 8, 47, 2

numbers = [int(number) for number in sys.argv[1].split(",") if number]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0
os.setgroups([])
os.setresgid(1000, 1000, 1000)
os.setresuid(1000, 1000, 1000)
mask = sum(1 << number for number in numbers)
low, high = mask & 0xFFFFFFFF, mask >> 32
assert (
    libc.capset(struct.pack("=Ii", 0x20080522, 0), struct.pack("=6I", *[low] * 3, *[high] * 3)) == 0
)
for number in numbers:
    assert libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) == 0
os.execvp(sys.argv[2], sys.argv[2:])
