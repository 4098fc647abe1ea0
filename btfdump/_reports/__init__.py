"""Reports on the types of a kernel that whole commands print."""
