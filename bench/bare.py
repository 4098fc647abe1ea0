"""The bare script that a cold start of btfdump is compared with.

It does with drgn what any tool that works from BTF alone must do first: open the dump, load the
kernel's symbol table, read the BTF. It decodes nothing and prints one number.
"""

import sys

from drgn import Program
from drgn.helpers.linux.kallsyms import load_vmlinux_kallsyms

prog = Program()
prog.set_core_dump(sys.argv[1])
prog.register_symbol_finder("kallsyms", load_vmlinux_kallsyms(prog), enable_index=0)
start = prog.symbol("__start_BTF").address
stop = prog.symbol("__stop_BTF").address
print(len(prog.read(start, stop - start)))
