"""The harnesses, one file for each seam; only those that run are loaded."""

from __future__ import annotations

HARNESSES = {
    "btf": "btf:BtfHarness",
    "annotations": "annotations:AnnotationsHarness",
    "headers": "headers:HeadersHarness",
    "memory": "memory:MemoryHarness",
    "cache": "cache:CacheHarness",
    "documents": "documents:DocumentsHarness",
    "source": "source:SourceHarness",
    "words": "words:WordsHarness",
    "interrupts": "interrupts:InterruptsHarness",
}
"""Name on the command line -> module:class."""
