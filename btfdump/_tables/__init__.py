"""Tables that are declared: rows, columns and filters as data, read from a kernel's memory.

`[table.NAME]` of an overlay, or a file of `library/`, says what a table is (`definition.py`); a
kernel's types decide which of its alternatives hold (`columns.py`); compiled readers make its rows
(`rows.py`). What member paths cannot say is a column function in Python (`functions/`).
"""
