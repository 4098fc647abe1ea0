"""Traversal of the graph of objects: from a value to events, within limits."""
