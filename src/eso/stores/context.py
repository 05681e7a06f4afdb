"""The one resolver of references, with the namespace boundary, and what providers and generators get from it.

A reference of a namespaced store resolves in its own namespace, whatever it says. One of a cluster store resolves where it
says, or else in the namespace of the object that uses the store; a client made that way serves no other namespace.
"""

from __future__ import annotations

import base64
import binascii
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import aiohttp

from eso.api.meta_v1 import CAProvider, RetrySettings, SecretKeySelector, ServiceAccountSelector
from eso.errors import InvalidSpecError, ReferenceNotFoundError
from eso.identity.context import LabelledSecret
from eso.providers.base import ProviderCalls
from eso.providers.calls import DirectCalls, ProviderCallMetrics
from eso.providers.common import check_ca_provider
from eso.stores.credentials import CredentialReader, Dependency, version_of
from eso.stores.sessions import Sessions, TlsContexts
from eso.values import SecretValue, wrap_all
from reconcile.api.model import KubeObject
from reconcile.client.client import Client
from reconcile.client.tls import ca_text

__all__ = ["CLUSTER", "GeneratorCallContext", "StoreClientContext", "StoreIdentity"]

CLUSTER: Final = "ClusterSecretStore"

K = TypeVar("K", bound=KubeObject)


@dataclass(frozen=True, slots=True)
class StoreIdentity:
    """Which store, in which state."""

    kind: str
    namespace: str
    name: str
    uid: str = ""
    generation: int = 0

    @property
    def label(self) -> tuple[str, str, str]:
        """Kind, namespace and name: the labels of its metrics."""
        return self.kind, self.namespace, self.name

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class _Resolver:
    """`CredentialContext`; see there."""

    def __init__(
        self,
        reader: CredentialReader,
        consumer_namespace: str,
        *,
        cluster_scoped: bool,
        home: str,
        tls: TlsContexts | None = None,
    ) -> None:
        self._reader = reader
        self._consumer = consumer_namespace
        self._cluster_scoped = cluster_scoped
        self._home = home
        self._sealed = False
        self.consumer_used = False
        # Version of each object as it was when it was first read here.
        self.dependencies: dict[Dependency, str] = {}
        self.sessions = Sessions(tls)

    @property
    def consumer_namespace(self) -> str:
        """See `CredentialContext`."""
        if self._cluster_scoped:
            if self._sealed:
                raise InvalidSpecError("this client is shared by all namespaces: it may not ask for the consumer's")
            self.consumer_used = True
        return self._consumer

    def seal(self) -> None:
        """From now on the client serves every namespace, so nothing may come from the one it was made for."""
        self._sealed = True

    async def resolve(self, ref: SecretKeySelector) -> SecretValue:
        """See `CredentialContext`."""
        if not ref.name:
            raise InvalidSpecError("a secret reference has no name")
        if not ref.key:
            raise InvalidSpecError(f'the reference to secret "{ref.name}" has no key')
        namespace = self._namespace(ref.namespace, f'secret "{ref.name}"')
        value = SecretValue(await self._secret_key(namespace, ref.name, ref.key))
        self.sessions.headers.remember(_place(namespace, ref.name, ref.key), value)
        return value

    async def whole_secret(self, ref: SecretKeySelector) -> LabelledSecret:
        """See `CredentialContext`."""
        if not ref.name:
            raise InvalidSpecError("a secret reference has no name")
        namespace = self._namespace(ref.namespace, f'secret "{ref.name}"')
        found = await self._read("Secret", namespace, ref.name, self._reader.secret(namespace, ref.name))
        values = wrap_all(found.data)
        for key, value in values.items():
            self.sessions.headers.remember(_place(namespace, ref.name, key), value)
        return LabelledSecret(found.metadata.labels, values)

    async def resolve_ca(self, ca_bundle: str | bytes | None, ca_provider: CAProvider | None) -> bytes | None:
        """See `CredentialContext`."""
        if ca_bundle:
            return _pem(ca_bundle.encode() if isinstance(ca_bundle, str) else ca_bundle)
        if ca_provider is None:
            return None
        if self._home or self._cluster_scoped:
            kind = CLUSTER if self._cluster_scoped else "SecretStore"
            check_ca_provider(ca_provider, store_kind=kind, store_namespace=self._home)
        namespace = self._namespace(ca_provider.namespace, f'caProvider "{ca_provider.name}"')
        if ca_provider.type == "ConfigMap":
            text = await self._config_map_key(namespace, ca_provider.name, ca_provider.key or "")
            return text.encode()
        return await self._secret_key(namespace, ca_provider.name, ca_provider.key or "")

    async def service_account_token(
        self, ref: ServiceAccountSelector, audiences: Sequence[str] = (), ttl: float = 3600.0
    ) -> SecretValue:
        """See `CredentialContext`."""
        namespace = self._namespace(ref.namespace, f'service account "{ref.name}"')
        wanted = list(dict.fromkeys((*(ref.audiences or ()), *audiences)))
        return await self._reader.token(namespace, ref.name, wanted, ttl)

    async def service_account_annotations(self, ref: ServiceAccountSelector) -> dict[str, str]:
        """See `CredentialContext`."""
        namespace = self._namespace(ref.namespace, f'service account "{ref.name}"')
        reading = self._reader.service_account(namespace, ref.name)
        found = await self._read("ServiceAccount", namespace, ref.name, reading)
        return dict(found.metadata.annotations)

    async def service_account_secrets(self, ref: ServiceAccountSelector) -> list[str]:
        """See `CredentialContext`."""
        namespace = self._namespace(ref.namespace, f'service account "{ref.name}"')
        found = await self._reader.service_account(namespace, ref.name)
        return [secret.name for secret in found.secrets if secret.name]

    async def read_config_map(self, name: str, key: str, namespace: str | None = None) -> str:
        """See `CredentialContext`."""
        return await self._config_map_key(self._namespace(namespace, f'config map "{name}"'), name, key)

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
        """See `StoreContext`."""
        return self.sessions.open(
            base_url, headers=headers, bearer=bearer, ca=ca, client_cert=client_cert, verify=verify, timeout=timeout
        )

    def _namespace(self, wanted: str | None, what: str) -> str:
        if self._cluster_scoped and wanted:
            return wanted
        namespace = self.consumer_namespace
        if not namespace:
            raise InvalidSpecError(
                f"{what} names no namespace, and there is no object that uses the store to take it from"
            )
        return namespace

    async def _read(self, kind: str, namespace: str, name: str, reading: Awaitable[K]) -> K:
        """What was read, kept as a dependency; so is its absence, so that its arrival is a change."""
        dependency = Dependency(kind, namespace, name)
        try:
            found = await reading
        except ReferenceNotFoundError:
            self.dependencies.setdefault(dependency, version_of(None))
            raise
        self.dependencies.setdefault(dependency, version_of(found))
        return found

    async def _secret_key(self, namespace: str, name: str, key: str) -> bytes:
        found = await self._read("Secret", namespace, name, self._reader.secret(namespace, name))
        if key not in found.data:
            raise ReferenceNotFoundError(
                f'cannot find secret data for key: "{key}" in secret "{name}" of namespace "{namespace}"'
            )
        return found.data[key]

    async def _config_map_key(self, namespace: str, name: str, key: str) -> str:
        found = await self._read("ConfigMap", namespace, name, self._reader.config_map(namespace, name))
        if key in found.data:
            return found.data[key]
        if key in found.binary_data:
            return found.binary_data[key].decode("utf-8", "replace")
        raise ReferenceNotFoundError(
            f'cannot find config map data for key: "{key}" in "{name}" of namespace "{namespace}"'
        )


class StoreClientContext(_Resolver):
    """`eso.providers.base.StoreContext` for one client."""

    def __init__(
        self,
        identity: StoreIdentity,
        consumer_namespace: str,
        *,
        reader: CredentialReader,
        kube: Client,
        calls: Callable[[str], ProviderCalls],
        retry_settings: RetrySettings | None = None,
        option: Mapping[str, Any] | None = None,
        tls: TlsContexts | None = None,
    ) -> None:
        cluster_scoped = identity.kind == CLUSTER
        super().__init__(reader, consumer_namespace, cluster_scoped=cluster_scoped, home=identity.namespace, tls=tls)
        self.identity = identity
        self._kube = kube
        self._calls = calls
        self._retry_settings = retry_settings
        self._option = option or {}

    @property
    def store_kind(self) -> str:
        """See `StoreContext`."""
        return self.identity.kind

    @property
    def store_name(self) -> str:
        """See `StoreContext`."""
        return self.identity.name

    @property
    def store_namespace(self) -> str:
        """See `StoreContext`."""
        return self.identity.namespace

    @property
    def store_uid(self) -> str:
        """See `StoreContext`."""
        return self.identity.uid

    @property
    def store_generation(self) -> int:
        """See `StoreContext`."""
        return self.identity.generation

    @property
    def retry_settings(self) -> RetrySettings | None:
        """See `StoreContext`."""
        return self._retry_settings

    @property
    def kube(self) -> Client:
        """See `StoreContext`."""
        return self._kube

    @property
    def option(self) -> Mapping[str, Any]:
        """See `StoreContext`."""
        return self._option

    def calls(self, provider: str) -> ProviderCalls:
        """See `StoreContext`."""
        return self._calls(provider)


class GeneratorCallContext(_Resolver):
    """`eso.generators.base.GeneratorContext` for one run: every reference resolves in the consumer's namespace."""

    def __init__(
        self,
        consumer_namespace: str,
        *,
        reader: CredentialReader,
        kube: Client,
        metrics: ProviderCallMetrics,
        option: Mapping[str, Any] | None = None,
        tls: TlsContexts | None = None,
    ) -> None:
        super().__init__(reader, consumer_namespace, cluster_scoped=False, home="", tls=tls)
        self._kube = kube
        self._metrics = metrics
        self._option = option or {}

    @property
    def kube(self) -> Client:
        """See `GeneratorContext`."""
        return self._kube

    @property
    def option(self) -> Mapping[str, Any]:
        """See `GeneratorContext`."""
        return self._option

    def calls(self, provider: str) -> ProviderCalls:
        """See `GeneratorContext`."""
        return DirectCalls(provider, self._metrics)


def _place(namespace: str, name: str, key: str) -> str:
    return f'key "{key}" of secret "{namespace}/{name}"'


def _pem(bundle: bytes) -> bytes:
    """A CA bundle as PEM, also when it is base64 of PEM (once for the wire, perhaps once more by whoever wrote it)."""
    for _ in range(2):
        if b"-----BEGIN" in bundle:
            break
        try:
            bundle = base64.b64decode(bundle)
        except binascii.Error as err:
            raise InvalidSpecError("caBundle is neither PEM nor base64 of PEM") from err
    try:
        # What OpenSSL takes, without another library for it.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=ca_text(bundle))
    except (ssl.SSLError, ValueError) as err:
        raise InvalidSpecError("caBundle holds no valid certificate") from err
    return bundle
