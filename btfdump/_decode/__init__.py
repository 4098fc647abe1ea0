"""Decode an object's bytes into fields and plain Python values, by the layout of its type."""
