"""A kernel as drgn sees it: types, globals, symbols and modules without debuginfo."""
