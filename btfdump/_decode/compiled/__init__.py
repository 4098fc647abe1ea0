"""Generated code for types that occur often."""
