"""A system as a whole: its log, what it is, and what its tasks and CPUs were doing."""
