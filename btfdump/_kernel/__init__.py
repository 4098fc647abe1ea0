"""One kernel as the rest sees it: memory, types, symbols, facts, and typed addresses."""
