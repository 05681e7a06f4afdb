"""Reading Secrets, ConfigMaps and ServiceAccounts on behalf of stores: seldom, never stale, one request for many who ask.

A thousand objects of one store must not read its credential Secret a thousand times. What was read is remembered for a few
seconds; where a metadata informer watches Secrets it is remembered as long as its resourceVersion stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, TypeVar, cast

from eso.errors import AccessDeniedError, ReferenceNotFoundError, UnavailableError
from eso.stores.flights import SingleFlight
from eso.values import SecretValue
from reconcile.api.core_v1 import ConfigMap, Secret, ServiceAccount
from reconcile.api.model import KubeObject
from reconcile.cache.events import InformerEvent
from reconcile.cache.informer import Informer
from reconcile.client.client import Client
from reconcile.errors import APIError, ForbiddenError, NotFoundError, TransportError, UnauthorizedError

__all__ = ["CredentialReader", "Dependency", "version_of"]

K = TypeVar("K", bound=KubeObject)

MEMO: Final = 10.0
"""Seconds an object is remembered where nothing tells of its changes."""

TOKEN_MARGIN: Final = 60.0
"""Seconds before its end from which a token is not used any more (as ESO's OIDC manager)."""

_MOST_TOKENS: Final = 4096

_KINDS: Final[Mapping[str, type[KubeObject]]] = MappingProxyType(
    {"Secret": Secret, "ConfigMap": ConfigMap, "ServiceAccount": ServiceAccount}
)


@dataclass(frozen=True, slots=True, order=True)
class Dependency:
    """An object a client was made from."""

    kind: str
    namespace: str
    name: str


@dataclass(slots=True)
class _Remembered:
    found: KubeObject | None
    until: float


@dataclass(frozen=True, slots=True)
class _Token:
    value: SecretValue
    expires: datetime


class CredentialReader:
    """Reads what store credentials are made of.

    Args:
        client: of the API server; one that reads from informers is welcome.
        memo: seconds an object is remembered where no informer watches its kind.
        now: wall clock, for the end of tokens.
    """

    def __init__(
        self, client: Client, *, memo: float = MEMO, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._client = client
        self._memo = memo
        self._now = now
        self._remembered: dict[Dependency, _Remembered] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._informers: dict[str, Informer[Any]] = {}
        self._flights: SingleFlight[KubeObject | None] = SingleFlight()
        self._token_flights: SingleFlight[_Token] = SingleFlight()
        self._tokens: dict[tuple[str, str, tuple[str, ...], float], _Token] = {}

    def follow(self, informer: Informer[Any]) -> Callable[[], None]:
        """Forget an object when the informer (metadata is enough) says that it changed; returns the way to stop."""
        kind = informer.kind.resource.kind
        self._informers[kind] = informer

        def changed(event: InformerEvent[Any]) -> None:
            self._remembered.pop(Dependency(kind, event.namespace, event.name), None)

        stop = informer.add_handler(changed)

        def unfollow() -> None:
            stop()
            if self._informers.get(kind) is informer:
                del self._informers[kind]

        return unfollow

    async def secret(self, namespace: str, name: str) -> Secret:
        """The Secret.

        Raises:
            ReferenceNotFoundError: there is none.
            AccessDeniedError, UnavailableError: it could not be read.
        """
        return await self._get(Secret, namespace, name)

    async def config_map(self, namespace: str, name: str) -> ConfigMap:
        """The ConfigMap; raises as `secret`."""
        return await self._get(ConfigMap, namespace, name)

    async def service_account(self, namespace: str, name: str) -> ServiceAccount:
        """The ServiceAccount; raises as `secret`."""
        return await self._get(ServiceAccount, namespace, name)

    async def unchanged(self, dependency: Dependency, version: str) -> bool:
        """Whether an object still has the version it was read in (see `version_of`).

        Raises:
            AccessDeniedError, UnavailableError: it could not be read.
        """
        informer = self._watching(dependency)
        if informer is not None and version_of(informer.get(dependency.name, dependency.namespace)) == version:
            return True
        # An informer may be behind what was read a moment ago: the API server decides.
        return version_of(await self._find(_KINDS[dependency.kind], dependency)) == version

    async def token(self, namespace: str, name: str, audiences: Sequence[str], ttl: float) -> SecretValue:
        """A token of a ServiceAccount, the same one until a minute before it ends.

        Raises:
            ReferenceNotFoundError: no such ServiceAccount.
            AccessDeniedError, UnavailableError: the API server refused or did not answer.
        """
        key = (namespace, name, tuple(audiences), ttl)
        found = self._tokens.get(key)
        if found is not None and (found.expires - self._now()).total_seconds() > TOKEN_MARGIN:
            return found.value

        async def request() -> _Token:
            what = f'cannot request a token for Kubernetes service account "{name}" in namespace "{namespace}"'
            try:
                token = await self._client.request_token(namespace, name, audiences, ttl)
            except NotFoundError as err:
                raise ReferenceNotFoundError(f"{what}: not found") from err
            except (APIError, TransportError) as err:
                raise _refusal(err, what) from err
            return _Token(SecretValue(token.token), token.expiration)

        made = await self._token_flights.run(key, request)
        if len(self._tokens) >= _MOST_TOKENS:
            now = self._now()
            self._tokens = {key: token for key, token in self._tokens.items() if token.expires > now}
        self._tokens[key] = made
        return made.value

    async def close(self) -> None:
        """Cancel reads under way and forget everything."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        await self._flights.close()
        await self._token_flights.close()
        self._remembered.clear()
        self._tokens.clear()

    async def _get(self, kind: type[K], namespace: str, name: str) -> K:
        dependency = Dependency(kind.resource.kind, namespace, name)
        found = await self._find(kind, dependency)
        if found is None:
            raise ReferenceNotFoundError(f'{_what(dependency)}: {kind.resource.plural} "{name}" not found')
        return cast(K, found)

    async def _find(self, kind: type[KubeObject], dependency: Dependency) -> KubeObject | None:
        loop = asyncio.get_running_loop()
        remembered = self._remembered.get(dependency)
        if remembered is not None and remembered.until > loop.time() and self._current(dependency, remembered.found):
            return remembered.found

        async def read() -> KubeObject | None:
            began = loop.time()
            try:
                found = await self._client.find(kind, dependency.name, dependency.namespace)
            except (APIError, TransportError) as err:
                raise _refusal(err, _what(dependency)) from err
            self._remember(dependency, found, began)
            return found

        return await self._flights.run(dependency, read)

    def _current(self, dependency: Dependency, found: KubeObject | None) -> bool:
        """Whether an informer, where there is one, knows the same version."""
        informer = self._watching(dependency)
        if informer is None:
            return True
        return version_of(informer.get(dependency.name, dependency.namespace)) == version_of(found)

    def _watching(self, dependency: Dependency) -> Informer[Any] | None:
        """The informer that would know of the object."""
        informer = self._informers.get(dependency.kind)
        if informer is None or not informer.complete:
            return None
        return informer if {"", dependency.namespace} & set(informer.namespaces) else None

    def _drop_old(self) -> None:
        self._sweep = None
        now = asyncio.get_running_loop().time()
        self._remembered = {key: entry for key, entry in self._remembered.items() if entry.until > now}
        if self._remembered:
            self._schedule_sweep()

    def _schedule_sweep(self) -> None:
        """Credentials do not stay in memory because nobody asks for them again."""
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(self._memo, self._drop_old)

    def _remember(self, dependency: Dependency, found: KubeObject | None, now: float) -> None:
        self._schedule_sweep()
        # Absence is remembered more briefly: somebody is probably about to create it.
        self._remembered[dependency] = _Remembered(
            found, now + (self._memo if found is not None else min(self._memo, 1.0))
        )


def version_of(found: KubeObject | None) -> str:
    """UID and resourceVersion of an object as one text; empty for None."""
    return "" if found is None else f"{found.metadata.uid}/{found.metadata.resource_version}"


def _what(dependency: Dependency) -> str:
    names = {"Secret": "secret", "ConfigMap": "config map", "ServiceAccount": "service account"}
    return f'cannot get Kubernetes {names[dependency.kind]} "{dependency.name}" from namespace "{dependency.namespace}"'


def _refusal(err: APIError | TransportError, what: str) -> AccessDeniedError | UnavailableError:
    if isinstance(err, (ForbiddenError, UnauthorizedError)):
        return AccessDeniedError(f"{what}: {err}")
    return UnavailableError(f"{what}: {err}", retry_after=err.retry_after if isinstance(err, APIError) else None)
