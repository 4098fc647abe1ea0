"""Places: what lies at an address, and which addresses lead there.

`pointers.py` finds every word of memory that points into an object. `place.py` names where a word
is: the slab object, task, variable or stack that holds it, with the member.
"""
