"""A reimplementation of the kernel's own printer, bpf_snprintf_btf()."""
