"""What a provider or a generator may ask of the cluster: credentials, CA material, ServiceAccount tokens.

One resolver enforces the namespace boundary for everything (`eso.stores.context`); this module is its shape, so that
sign-in code and providers do not depend on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import aiohttp

from eso.api.meta_v1 import CAProvider, SecretKeySelector, ServiceAccountSelector
from eso.values import SecretValue

__all__ = ["CredentialContext", "LabelledSecret", "SignInContext"]


class LabelledSecret(NamedTuple):
    """A Secret as credentials: its labels, which may mark what it is for, and its data."""

    labels: Mapping[str, str]
    data: Mapping[str, SecretValue]


class CredentialContext(Protocol):
    """Resolves references of one store (or generator) on behalf of one consumer namespace."""

    @property
    def consumer_namespace(self) -> str:
        """Namespace of the ExternalSecret or PushSecret; empty while a ClusterSecretStore is being validated."""

    async def resolve(self, ref: SecretKeySelector) -> SecretValue:
        """The value a selector points at.

        Looked up in the consumer namespace; `ref.namespace` counts only for a ClusterSecretStore.

        Raises:
            ReferenceNotFoundError: no such Secret or key; the message names both.
        """

    async def whole_secret(self, ref: SecretKeySelector) -> LabelledSecret:
        """All keys of the Secret that a selector names, with its labels; `ref.key` does not matter.

        Raises:
            ReferenceNotFoundError: no such Secret.
        """

    async def resolve_ca(self, ca_bundle: str | bytes | None, ca_provider: CAProvider | None) -> bytes | None:
        """PEM of the CA certificates to trust, or None for the system's.

        `ca_bundle` (PEM, or base64 of PEM) wins over `ca_provider`.

        Raises:
            InvalidSpecError: no certificate in it, or a namespace that is not allowed.
            ReferenceNotFoundError: the Secret or ConfigMap, or its key, is missing.
        """

    async def service_account_token(
        self, ref: ServiceAccountSelector, audiences: Sequence[str] = (), ttl: float = 3600.0
    ) -> SecretValue:
        """A bound token of a ServiceAccount, through TokenRequest.

        Args:
            ref: the account; its own `audiences` come first.
            audiences: added after those of `ref`.
            ttl: seconds the token should live.
        """

    async def service_account_annotations(self, ref: ServiceAccountSelector) -> dict[str, str]:
        """Annotations of a ServiceAccount (role names of cloud identities)."""

    async def service_account_secrets(self, ref: ServiceAccountSelector) -> list[str]:
        """Names of the Secrets that a ServiceAccount lists; tokens of clusters without TokenRequest are among them."""

    async def read_config_map(self, name: str, key: str, namespace: str | None = None) -> str:
        """One value of a ConfigMap in the consumer namespace (`namespace` as for `resolve`)."""


class SignInContext(CredentialContext, Protocol):
    """What signing in needs: references resolved, and HTTP sessions. Store and generator contexts both are one."""

    def http(
        self,
        base_url: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        bearer: SecretValue | None = None,
        ca: bytes | None = None,
        client_cert: tuple[bytes, bytes] | None = None,
        verify: bool = True,
        timeout: float = 30.0,
    ) -> aiohttp.ClientSession:
        """An HTTP session that is closed with the client it was made for.

        Args:
            base_url: prefix of relative URLs; must end with a slash when it has a path.
            headers: sent with every request.
            bearer: sent as `Authorization: Bearer`.
            ca: PEM of the only roots to trust; None for the system's.
            client_cert: PEM of certificate chain and key.
            verify: False switches certificate checks off, where a spec field asks for it.
            timeout: seconds for a whole request.
        """
