"""Where bytes come from: vmcores, running kernels, guests, memory in Python."""
