"""GithubAccessToken: an installation token of a GitHub App."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from eso.api.generators_v1alpha1.githubaccesstoken import GithubAccessTokenSpec
from eso.errors import InvalidSpecError
from eso.generators.base import Generated, Generator, GeneratorContext
from eso.generators.http import answer_to, checked_url, text_of
from eso.values import SecretValue, wrap_all

__all__ = ["GithubAccessTokenGenerator"]

_URL: Final = "https://api.github.com"
_WHAT: Final = "creating a GitHub installation token"
_TIMEOUT: Final = 5.0
_BACKDATED: Final = 10
_LIFETIME: Final = 300
"""Seconds before and after now in which the App's own token is valid; source: ESO v2.9.0, within GitHub's ten minutes."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class GithubAccessTokenGenerator(Generator[GithubAccessTokenSpec]):
    """Signs in as the App and asks for a token of one installation; it ends by itself after an hour.

    Args:
        clock: the wall clock.
    """

    kind = "GithubAccessToken"
    spec_type = GithubAccessTokenSpec

    def __init__(self, clock: Callable[[], datetime] = _utc_now) -> None:
        self._clock = clock

    async def generate(self, spec: GithubAccessTokenSpec, context: GeneratorContext) -> Generated:
        """`token`.

        Raises:
            InvalidSpecError: the private key is not an RSA key in PEM.
            ProviderError: GitHub refused.
        """
        url = checked_url(spec.url or _URL, "spec.url")
        key = await context.resolve(spec.auth.private_key.secret_ref)
        signed = self._signed(spec.app_id, key)
        answer = await answer_to(
            context.http(timeout=_TIMEOUT),
            "POST",
            f"{url}/app/installations/{quote(spec.install_id, safe='')}/access_tokens",
            _WHAT,
            headers={"Authorization": f"Bearer {signed}", "Accept": "application/vnd.github.v3+json"},
            document=_wanted(spec),
        )
        if not 200 <= answer.status < 300:
            raise answer.error(_WHAT, said=["message"], secrets=[key, SecretValue(signed)])
        return Generated(wrap_all({"token": text_of(answer, "token", _WHAT)}))

    def _signed(self, app_id: str, key: SecretValue) -> str:
        now = int(self._clock().timestamp())
        try:
            private = load_pem_private_key(key.reveal(), password=None)
        except (ValueError, TypeError):
            raise InvalidSpecError("spec.auth.privateKey: the Secret holds no private key in PEM") from None
        if not isinstance(private, RSAPrivateKey):
            raise InvalidSpecError("spec.auth.privateKey: the key must be an RSA key")
        claims = {"iss": app_id, "iat": now - _BACKDATED, "exp": now + _LIFETIME}
        return jwt.encode(claims, private, algorithm="RS256")


def _wanted(spec: GithubAccessTokenSpec) -> dict[str, Any] | None:
    """What the token is limited to; None for everything that the installation may."""
    document: dict[str, Any] = {}
    if spec.permissions is not None:
        document["permissions"] = spec.permissions
    if spec.repositories:
        document["repositories"] = spec.repositories
    return document or None
