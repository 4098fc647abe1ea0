"""What whole commands report of the types of a kernel."""
