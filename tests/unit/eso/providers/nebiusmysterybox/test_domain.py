"""providers/nebius.md: what an API domain may be."""

from __future__ import annotations

import pytest

from eso.errors import InvalidSpecError
from eso.providers.nebiusmysterybox.domain import host_and_port


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("api.example.cloud", ("api.example.cloud", "443")),
        (" api.example.cloud:8443\n", ("api.example.cloud", "8443")),
        ("API.Example.cloud", ("api.example.cloud", "443")),
        ("Bücher.example", ("xn--bcher-kva.example", "443")),
        (" ", "API domain must be set"),
        ("https://api.example.cloud", "scheme is not allowed"),
        ("api.example.cloud:", "must be a port"),
        ("api.example.cloud:x", "must be a port"),
        ("api.example.cloud:1:2", "must be a port"),
        ("api.example.cloud:65536", "must be a port"),
        ("localhost", "at least one dot"),
        ("api.example.", "must not end with a dot"),
        ("api..example", "a label that is too long, empty"),
        (f"{'a' * 64}.example", "a label that is too long, empty"),
        (".".join(["a" * 50] * 6), "length out of range"),
        ("a_b.example", "invalid label: a_b"),
        ("-a.example", "invalid label: -a"),
        ("api.example/x", "invalid label: example/x"),
        ("10.0.0.1", "numeric TLD is not allowed"),
    ],
)
def test_api_domain(domain: str, expected: str | tuple[str, str]) -> None:
    if isinstance(expected, tuple):
        assert host_and_port(domain) == expected
        return
    with pytest.raises(InvalidSpecError, match=expected):
        host_and_port(domain)
