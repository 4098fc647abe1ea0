"""What the JSON formats wrote, read back and compared."""
