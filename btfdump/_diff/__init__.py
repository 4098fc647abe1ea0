"""Documents in the JSON formats, read back and compared."""
