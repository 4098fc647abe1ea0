"""The harnesses, one file for each seam; only those that run are loaded."""

from __future__ import annotations

HARNESSES = {
    "btf": "btf:BtfHarness",
    "definitions": "definitions:DefinitionsHarness",
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

A_MINUTE = {
    "btf": 40_000,
    "definitions": 8_000,
    "annotations": 40_000,
    "headers": 800,
    "memory": 5_000,
    "cache": 300_000,
    "documents": 10_000,
    "source": 4_000,
    "words": 3_000,
    "interrupts": 400,
}
"""Inputs that take about a minute of CPU time, with what is done before the first one.

CI tries as many, of seed 1, of which each was seen to pass; a count, so that they are the same
however fast a machine is.
"""
