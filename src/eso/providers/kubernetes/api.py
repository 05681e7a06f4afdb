"""Secrets of a remote API server, with its errors turned into ours."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Final, TypeVar

from eso.errors import InvalidSpecError, NoSecretError
from eso.providers.base import ProviderCalls
from eso.providers.kubeconnection import error_of
from reconcile.api.authorization_v1 import (
    ResourceAttributes,
    SelfSubjectAccessReview,
    SelfSubjectAccessReviewSpec,
    SelfSubjectRulesReview,
    SelfSubjectRulesReviewSpec,
)
from reconcile.api.core_v1 import Secret
from reconcile.client.client import Client
from reconcile.client.rest import path_of
from reconcile.errors import ConflictError, ReconcileError

__all__ = ["SecretsAPI"]

T = TypeVar("T")

_PAGE: Final = 64
"""Secrets of one answer; each may be as large as 1.4 MB."""


class SecretsAPI:
    """The requests the provider makes.

    Args:
        client: of the remote API server; closed with this.
        calls: the metered way there.
    """

    def __init__(self, client: Client, calls: ProviderCalls) -> None:
        self._client = client
        self._calls = calls

    async def get(self, namespace: str, name: str) -> Secret:
        """One Secret.

        Raises:
            NoSecretError: there is none.
            InvalidSpecError: no Secret can have this name.
        """
        what = _reading(namespace, name)
        return await self._calls.read(
            "GetSecret", (namespace, name), lambda: _translated(what, self._client.get(Secret, name, namespace))
        )

    async def get_wire(self, namespace: str, name: str) -> dict[str, Any] | None:
        """One Secret with every field, as it is now; None when there is none; raises as `get` otherwise."""
        what = _reading(namespace, name)
        try:
            return await self._calls.write(
                "GetSecret", lambda: _translated(what, self._client.get_wire(Secret, name, namespace))
            )
        except NoSecretError:
            return None

    async def list(self, namespace: str, label_selector: str) -> list[Secret]:
        """All Secrets, or those with the labels."""

        async def fetch() -> list[Secret]:
            found = await _translated(
                f"listing secrets of {namespace}",
                self._client.list(Secret, namespace, label_selector=label_selector, limit=_PAGE),
            )
            return list(found.items)

        return await self._calls.read("ListSecrets", (namespace, label_selector), fetch)

    async def create(self, body: Mapping[str, Any]) -> None:
        """Create a Secret.

        Raises:
            AlreadyExistsError: it appeared meanwhile.
        """
        secret = Secret.from_wire(dict(body))
        await self._calls.write("CreateSecret", lambda: _written("creating a secret", self._client.create(secret)))

    async def replace(self, body: Mapping[str, Any]) -> None:
        """Replace a Secret.

        Raises:
            ConflictError: it changed meanwhile.
        """
        await self._calls.write(
            "UpdateSecret", lambda: _written("updating a secret", self._client.replace(dict(body), kind=Secret))
        )

    async def delete(self, namespace: str, name: str, uid: str, resource_version: str) -> None:
        """Delete a Secret if it is still that one; already gone is success."""
        await self._calls.write(
            "DeleteSecret",
            lambda: _written(
                "deleting a secret",
                self._client.delete(
                    Secret, name, namespace, uid=uid, resource_version=resource_version, missing_ok=True
                ),
            ),
        )

    async def may_read_by_rules(self, namespace: str) -> bool:
        """Whether the rules that the server lists allow to get every Secret of the namespace."""
        review = SelfSubjectRulesReview(spec=SelfSubjectRulesReviewSpec(namespace=namespace))
        answer = await self._calls.write(
            "CreateSelfSubjectRulesReview",
            lambda: _translated("reviewing the permissions", self._client.create(review)),
        )
        rules = answer.status.resource_rules if answer.status is not None else ()
        return any(
            _covers(rule.verbs, "get")
            and _covers(rule.resources, "secrets")
            and _covers(rule.api_groups, "")
            and not rule.resource_names
            for rule in rules
        )

    async def may_read(self, namespace: str) -> bool:
        """Whether the server says yes when asked about getting Secrets of the namespace."""
        attributes = ResourceAttributes(namespace=namespace, verb="get", resource="secrets")
        review = SelfSubjectAccessReview(spec=SelfSubjectAccessReviewSpec(resource_attributes=attributes))
        answer = await self._calls.write(
            "CreateSelfSubjectAccessReview",
            lambda: _translated("reviewing the permissions", self._client.create(review)),
        )
        return answer.status is not None and answer.status.allowed

    async def close(self) -> None:
        """Release connections."""
        await self._client.close()


def _covers(values: list[str], wanted: str) -> bool:
    return wanted in values or "*" in values


def _reading(namespace: str, name: str) -> str:
    """What a request for one Secret is called in messages, once it is clear that it asks for one."""
    try:
        if not name:
            raise ValueError("an empty name asks for all")
        path_of(Secret.resource, namespace, name)
    except ValueError as err:
        raise InvalidSpecError(f"remoteRef: {name!r} cannot be the name of a secret") from err
    return f"reading secret {namespace}/{name}"


async def _translated(what: str, request: Awaitable[T]) -> T:
    try:
        return await request
    except ReconcileError as err:
        raise error_of(err, what) from err


async def _written(what: str, request: Awaitable[T]) -> T:
    """As `_translated`, but a conflict stays one: the caller reads again."""
    try:
        return await request
    except ConflictError:
        raise
    except ReconcileError as err:
        raise error_of(err, what) from err
