"""Fuzzing that goes on: hostile input for every seam that takes some, in harnesses on one driver.

`python -m fuzz` runs them; fuzz/README.md says how, and how to write another.
"""
