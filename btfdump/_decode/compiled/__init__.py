"""Generated code for types of which many objects are read."""
