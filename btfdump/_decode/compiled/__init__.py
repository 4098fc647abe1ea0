"""Code generated for types of which many objects are read."""
