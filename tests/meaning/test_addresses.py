"""Addresses, from their bytes."""

from __future__ import annotations

import pytest

from btfdump._meaning.addresses import ipv4, ipv6, mac, sockaddr, uuid


def test_addresses() -> None:
    assert ipv4(bytes((127, 0, 0, 1))) == "127.0.0.1"
    assert ipv6(bytes(15) + b"\1") == "::1"
    assert ipv6(b"\1") == ""
    assert mac(bytes.fromhex("f64fe033a1a9")) == "f6:4f:e0:33:a1:a9"
    assert uuid(bytes(range(16))) == "00010203-0405-0607-0809-0a0b0c0d0e0f"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("0200 1092 7f000001 0000000000000000", "127.0.0.1:4242"),
        ("0a00 1092 00000000 00000000000000000000000000000001 00000000", "[::1]:4242"),
        ("0100 2f72756e2f7800", "/run/x"),
        ("0100 00616273747261637400", "@abstract"),
        ("0100 0000", "unnamed"),
        ("1000 0000 01000000", "family 16"),
        ("0000 0000", "unspecified"),
        ("0200 10", "family 2"),  # cut
    ],
)
def test_socket_addresses(data: str, text: str) -> None:
    assert sockaddr(bytes.fromhex(data), "little") == text


def test_the_family_is_in_the_kernels_byte_order() -> None:
    assert sockaddr(bytes.fromhex("0002 1092 7f000001"), "big") == "127.0.0.1:4242"
