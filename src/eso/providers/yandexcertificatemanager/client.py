"""Certificates in the words of External Secrets Operator."""

from __future__ import annotations

from typing import Final

from eso.errors import InvalidSpecError
from eso.providers.base import RemoteRef, SecretsClient
from eso.providers.yandexcertificatemanager.api import Certificates
from eso.values import SecretMap, SecretValue

__all__ = ["YandexCertificateManagerClient"]

_CHAIN: Final = "chain"
_PRIVATE_KEY: Final = "privateKey"
_BOTH: Final = ("", "chainAndPrivateKey")
_SPACE: Final = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
"""What Unicode calls white space, as Go's `strings.TrimSpace`; Python's `strip` takes four separators of ASCII as well."""


class YandexCertificateManagerClient(SecretsClient):
    """Reads certificates. What is missing is a plain error, so that nothing is deleted.

    Args:
        api: Certificate Manager.
    """

    def __init__(self, api: Certificates) -> None:
        self._api = api

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """Chain and private key, or one of them by the property; each block ends in exactly one newline.

        Raises:
            InvalidSpecError: another property.
        """
        if ref.property not in (*_BOTH, _CHAIN, _PRIVATE_KEY):
            raise InvalidSpecError(
                f"unsupported property '{ref.property}': a certificate has {_CHAIN}, {_PRIVATE_KEY} and {_BOTH[1]}"
            )
        content = await self._api.content(ref.key, ref.version)
        chain, private_key = _trimmed(*content.chain), _trimmed(content.private_key)
        if ref.property == _CHAIN:
            return SecretValue(chain)
        if ref.property == _PRIVATE_KEY:
            return SecretValue(private_key)
        return SecretValue(_trimmed(chain, private_key))

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """Chain and private key as they come."""
        content = await self._api.content(ref.key, ref.version)
        return {_CHAIN: SecretValue("\n".join(content.chain)), _PRIVATE_KEY: SecretValue(content.private_key)}

    async def close(self) -> None:
        """Close the connection."""
        await self._api.close()


def _trimmed(*blocks: str) -> str:
    return "".join(f"{block.strip(_SPACE)}\n" for block in blocks)
