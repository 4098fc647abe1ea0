"""What BPF keeps in the kernel's memory: BTF of programs, maps and what they hold."""
