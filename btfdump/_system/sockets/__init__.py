"""Sockets of a whole system: where they are found, and what each is and does."""
