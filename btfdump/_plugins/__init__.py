"""Registries of walkers, roots, formats and commands, which other packages can extend."""
