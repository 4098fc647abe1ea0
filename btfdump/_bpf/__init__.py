"""What BPF keeps in the kernel's memory: BTF of programs, maps, programs, kernel functions.

Readers of tables are generators: records of what was found, and a `Note` for what was wrong.
"""
