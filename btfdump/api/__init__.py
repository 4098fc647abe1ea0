"""The front door: kernels and types, opened."""
