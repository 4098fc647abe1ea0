"""The kernel's own printer, bpf_snprintf_btf(), retold."""
