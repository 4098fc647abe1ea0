"""Boot Debian kernels under QEMU with known contents, and take dumps of them."""
