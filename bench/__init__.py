"""Benchmarks: measured with public tools only, printed as ratios, asserted by nobody."""
