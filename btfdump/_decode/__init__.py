"""Bytes into fields and plain values, by the layout of a type."""
