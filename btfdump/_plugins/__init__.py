"""What is found by name, and may come from another package: walkers, roots, formats, commands."""
