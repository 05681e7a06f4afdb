"""Certificates of webhooks at the API server: kept in a Secret, renewed in time, and made known to who calls the webhooks."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from reconcile.api.admissionregistration_v1 import MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from reconcile.api.apiextensions_v1 import CustomResourceDefinition
from reconcile.api.core_v1 import Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.api.model import KubeObject
from reconcile.client.client import Client
from reconcile.client.patch import MergePatch
from reconcile.errors import APIError, ConflictError, NotFoundError, TransportError
from reconcile.webhook.certificates import CertificateBundle, CertificateError, Policy, renewed

__all__ = ["CertificateRotator", "ensure_certificates", "inject_conversion_ca", "inject_webhook_ca"]

_LOG = logging.getLogger(__name__)

_KEYS = {"ca": "ca.crt", "ca_key": "ca.key", "certificate": "tls.crt", "key": "tls.key"}
_TRIES = 5

C = TypeVar("C", ValidatingWebhookConfiguration, MutatingWebhookConfiguration)


async def ensure_certificates(
    client: Client, name: str, namespace: str, policy: Policy, now: datetime, *, create: bool = True
) -> CertificateBundle:
    """The certificates in the Secret, made or renewed when they must be. Several processes may do this at the same time.

    Args:
        client: one that does not read from a cache.
        name: of the Secret; its keys are `ca.crt`, `ca.key`, `tls.crt` and `tls.key`, other keys are kept.
        namespace: of the Secret.
        policy: how certificates are made.
        now: the wall clock.
        create: make the Secret when there is none.

    Raises:
        NotFoundError: there is no Secret and `create` is false.
        APIError, TransportError: a request failed.
    """
    for _ in range(_TRIES):
        secret = await client.find(Secret, name, namespace)
        if secret is None and not create:
            raise NotFoundError(f"Secret {namespace}/{name} for the certificates does not exist", status=404)
        data = dict(secret.data) if secret is not None else {}
        bundle = CertificateBundle(**{field: data.get(key, b"") for field, key in _KEYS.items()})
        wanted = await asyncio.to_thread(renewed, bundle, policy, now)
        if wanted == bundle:
            return bundle
        data.update({key: getattr(wanted, field) for field, key in _KEYS.items()})
        try:
            if secret is None:
                metadata = ObjectMeta(name=name, namespace=namespace)
                await client.create(Secret(metadata=metadata, data=data, type="Opaque"))
            else:
                encoded = {key: base64.b64encode(data[key]).decode() for key in _KEYS.values()}
                version = {"resourceVersion": secret.metadata.resource_version}
                await client.patch(Secret, name, namespace, MergePatch({"metadata": version, "data": encoded}))
        except ConflictError:
            # Another replica made them at the same time: take what it made.
            continue
        _LOG.info("Secret %s/%s holds new certificates", namespace, name)
        return wanted
    raise ConflictError(f"Secret {namespace}/{name} changes faster than certificates can be written", status=409)


async def inject_webhook_ca(
    client: Client,
    kind: type[C],
    name: str,
    ca: bytes,
    *,
    selects: Callable[[str], bool] = lambda _: True,
    service: tuple[str, str] | None = None,
) -> bool:
    """Make the API server trust `ca` when it calls the webhooks of a configuration; whether anything had to change.

    Args:
        client: writes the configuration.
        kind: `ValidatingWebhookConfiguration` or `MutatingWebhookConfiguration`.
        name: of the configuration.
        ca: PEM certificates.
        selects: by the name of a webhook, whether it is one of ours.
        service: name and namespace of the Service to call; None leaves what is there.

    Raises:
        NotFoundError: there is no such configuration.
        ConflictError: it keeps changing; try again.
        APIError, TransportError: a request failed.
    """

    def injected(body: dict[str, Any]) -> dict[str, Any]:
        webhooks = [
            {**webhook, "clientConfig": _config(webhook.get("clientConfig") or {}, ca, service)}
            if selects(webhook.get("name", ""))
            else webhook
            for webhook in body.get("webhooks") or []
        ]
        return {**body, "webhooks": webhooks} if webhooks else body

    return await _changed(client, kind, name, injected)


async def inject_conversion_ca(client: Client, name: str, ca: bytes, *, service: tuple[str, str] | None = None) -> bool:
    """Make the API server trust `ca` when it converts objects of a CustomResourceDefinition; whether anything had to change.

    One that is not converted by a webhook is left alone.

    Raises:
        NotFoundError: there is no such CustomResourceDefinition.
        ConflictError: it keeps changing; try again.
        APIError, TransportError: a request failed.
    """

    def injected(body: dict[str, Any]) -> dict[str, Any]:
        spec = body.get("spec") or {}
        conversion = spec.get("conversion") or {}
        if conversion.get("strategy") != "Webhook":
            return body
        webhook = conversion.get("webhook") or {}
        config = _config(webhook.get("clientConfig") or {}, ca, service)
        changed = {**conversion, "webhook": {**webhook, "clientConfig": config}}
        return {**body, "spec": {**spec, "conversion": changed}}

    return await _changed(client, CustomResourceDefinition, name, injected)


async def _changed(
    client: Client, kind: type[KubeObject], name: str, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> bool:
    """Whether the object had to be changed; again from the start when somebody else changes it meanwhile."""
    for attempt in range(1, _TRIES + 1):
        body = await client.get_wire(kind, name)
        wanted = change(body)
        if wanted == body:
            return False
        try:
            await client.replace(wanted, kind)
        except ConflictError:
            if attempt == _TRIES:
                raise
            continue
        return True
    return False


def _config(config: dict[str, Any], ca: bytes, service: tuple[str, str] | None) -> dict[str, Any]:
    changed = {**config, "caBundle": base64.b64encode(ca).decode()}
    if service is not None:
        changed["service"] = {**(config.get("service") or {}), "name": service[0], "namespace": service[1]}
    return changed


class CertificateRotator:
    """Keeps certificates in a Secret fresh and hands them to a server, without cert-manager.

    Args:
        client: one that does not read from a cache.
        name: of the Secret.
        namespace: of the Secret.
        policy: how certificates are made.
        publish: called with every new bundle, before a server may use it: inject `bundle.ca` here.
        serve: called with every new bundle after that: give it to the server.
        interval: seconds between two looks; also how long a failure waits.
        now: the wall clock.
    """

    def __init__(
        self,
        client: Client,
        name: str,
        namespace: str,
        policy: Policy,
        *,
        publish: Sequence[Callable[[CertificateBundle], Awaitable[object]]] = (),
        serve: Sequence[Callable[[CertificateBundle], object]] = (),
        interval: float = 300.0,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._client = client
        self._name = name
        self._namespace = namespace
        self._policy = policy
        self._publish = publish
        self._serve = serve
        self._interval = interval
        self._now = now if now is not None else _utc_now
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Look at the certificates every `interval` seconds until cancelled; `ready` is set once they are served."""
        failures = 0
        while True:
            try:
                await self.step()
                failures = 0
            except (APIError, TransportError, CertificateError) as err:
                failures += 1
                _LOG.warning("certificates in Secret %s/%s: %s", self._namespace, self._name, err)
            await asyncio.sleep(self._interval if not failures else min(self._interval, 2.0 ** min(failures, 10)))

    async def step(self) -> CertificateBundle:
        """Look once: renew, publish, serve. Publishing repeats each time, for configurations that were applied anew.

        Raises:
            APIError, TransportError: a request failed; what was served before stays.
        """
        bundle = await ensure_certificates(self._client, self._name, self._namespace, self._policy, self._now())
        for publish in self._publish:
            await publish(bundle)
        for serve in self._serve:
            serve(bundle)
        self.ready.set()
        return bundle


def _utc_now() -> datetime:
    return datetime.now(UTC)
