"""Neutralise text from the kernel: terminal escapes, control and invisible characters."""

from __future__ import annotations

_ASCII = bytes(range(0x20, 0x7F))
"""The printable characters of ASCII."""


def printable(text: str) -> str:
    """Return `text` with every character that could act on a terminal made visible.

    Control characters, bidirectional overrides, other format characters and lone surrogates become
    `\\xNN` or `\\uNNNN`. Other text is returned unchanged.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _visible(c) for c in text)


def is_printable(text: str) -> bool:
    """Whether `printable()` returns `text` as it is: for long ASCII, several times as fast."""
    if text.isascii():
        return not text.encode("ascii").translate(None, _ASCII)
    return text.isprintable()


def quoted(text: str) -> str:
    """Return `text` as a C string literal that is safe to print."""
    return f'"{printable(text.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34)))}"'


def quoted_bytes(data: bytes, limit: int) -> str:
    """Return a char array up to its NUL as a C string literal of at most `limit` bytes.

    Bytes that are not UTF-8 and control characters become `\\xNN`; `...` marks text that was cut.
    """
    text = data.split(b"\0", 1)[0]
    cut = "..." if len(text) > limit else ""
    escaped = text[:limit].replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return f'"{printable(escaped.decode("utf-8", "backslashreplace"))}"{cut}'


def in_f_string(text: str) -> str:
    """Escape text for the inside of a single-quoted f-string in generated code."""
    text = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return text.replace("{", "{{").replace("}", "}}")


def _visible(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, kept by surrogateescape
        return f"\\x{code - 0xDC00:02x}"
    simple = {9: "\\t", 10: "\\n", 13: "\\r"}.get(code)
    if simple:
        return simple
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
