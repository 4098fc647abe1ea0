"""Types as definitions in C: what a compiler has to be told so that it lays them out alike.

`header.py` writes all of a BTF, or what some of its types need, as a header; `packing.py` says
which padding and attributes put every member at its offset, `names.py` what each type is called
where several have a name, `order.py` what has to come before what.
"""
