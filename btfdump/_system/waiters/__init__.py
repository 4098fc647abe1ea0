"""Who waits for what: every task that sleeps in the queue of a lock or event, and who has that.

A task that sleeps has an entry on its own kernel stack, linked in a list that begins in what it
waits for: `on_stack.py` finds the entry, `queues.py` where its list begins, `owners.py` who has the
lock, and `chains.py` who waits for whom in the end.
"""
