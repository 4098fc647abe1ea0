"""Sources of bytes: vmcores, running kernels, guests, and memory made in Python."""
