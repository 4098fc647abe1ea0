"""The matrix of kernels: each is booted, dumped, and read by btfdump; what was seen are figures.

docs/kernels.md is written out of these figures, which are kept in figures.json.
"""
