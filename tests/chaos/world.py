"""What takes part in the run of the operator, what its users do, and what must be true of it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from reconcile.api.core_v1 import Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client import Client, MergePatch
from reconcile.conditions import find_condition
from reconcile.errors import APIError, TransportError
from tests.chaos import manifests
from tests.chaos.backend import Backend
from tests.chaos.conftest import Scale
from tests.chaos.manifests import NS, path
from tests.chaos.proxy import Proxy
from tests.chaos.replicas import Replicas
from tests.support.canaries import Canaries
from tests.support.controlplane import ControlPlane

__all__ = ["World"]

_HEALED = 300.0
"""Seconds after the last fault within which everything must be in step: above the longest backoff that the faults can cause."""


@dataclass
class World:
    """All of it.

    Attributes:
        clock: holds how many seconds the operator's wall clock is ahead.
        sources: what each source Secret of a PushSecret holds.
        held: number of the newest value seen in each target.
        faults: how often each fault was injected.
        crew: held by a fault that stops or freezes replicas.
        ground: held by a fault that stops a part of the control plane.
    """

    plane: ControlPlane
    client: Client
    proxy: Proxy
    replicas: Replicas
    backends: list[Backend]
    rng: random.Random
    scale: Scale
    clock: Path
    canary: Canaries
    sources: dict[str, str] = field(default_factory=dict)
    source_history: dict[str, set[str]] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    version: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    crew: asyncio.Lock = field(default_factory=asyncio.Lock)
    ground: asyncio.Lock = field(default_factory=asyncio.Lock)

    def backend_of(self, number: int) -> Backend:
        """Objects take turns between the stores."""
        return self.backends[number % len(self.backends)]

    def check(self, secret: dict[str, Any]) -> str:
        """What is wrong with a version of a Secret; only targets are judged."""
        name = secret["metadata"]["name"]
        if not name.startswith("es-"):
            return "" if name.startswith(("login-", "source-")) else "nobody asked for it"
        number = int(name.removeprefix("es-"))
        data = secret.get("data") or {}
        if set(data) != {"value"}:
            return f"it has the keys {sorted(data)}"
        if secret["metadata"]["ownerReferences"][0]["name"] != name:
            return "it belongs to another object"
        version = self.backend_of(number).history[f"k-{number}"].get(base64.b64decode(data["value"]).decode())
        if version is None:
            return "it holds a value that its key never had"
        newest = self.held.get(name, 0)
        self.held[name] = max(version, newest)
        return "" if version >= newest else f"it went back from value {newest} to {version}"

    async def set_up(self) -> None:
        """Stores and objects, before any operator runs."""
        for backend in self.backends:
            await self.rotate(backend)
            await self.client.raw("POST", path("secretstores"), body=manifests.store(backend.name, backend.url))
        for number in range(self.scale.external_secrets):
            backend = self.backend_of(number)
            backend.set(f"k-{number}", 0)
            await self.client.raw("POST", path("externalsecrets"), body=manifests.external_secret(number, backend.name))
        for number in range(self.scale.push_secrets):
            await self.set_source(number)
            body = manifests.push_secret(number, self.backend_of(number).name)
            await self.client.raw("POST", path("pushsecrets", "v1alpha1"), body=body)

    async def rotate(self, backend: Backend) -> None:
        """A new credential in the Secret; a moment later the backend knows no other."""
        token = self.canary.plain("token")
        metadata = ObjectMeta(
            name=f"login-{backend.name}", namespace=NS, labels={"external-secrets.io/type": "webhook"}
        )
        await self.client.apply(Secret(metadata=metadata, data={"token": token.encode()}), field_manager="test")
        backend.token = token

    async def set_source(self, number: int) -> None:
        """A new value in the source of a PushSecret."""
        key = f"p-{number}"
        text = f"source/{key}/{self.canary.plain('source')}"
        self.source_history.setdefault(key, set()).add(text)
        secret = Secret(metadata=ObjectMeta(name=f"source-{number}", namespace=NS), data={"v": text.encode()})
        await self.client.apply(secret, field_manager="test")
        self.sources[key] = text

    async def live(self) -> None:
        """What users do meanwhile, until cancelled: values change, Secrets are deleted and edited, syncs are forced."""
        while True:
            await asyncio.sleep(self.rng.uniform(0.02, 0.2))
            with contextlib.suppress(APIError, TransportError):
                await self._act()

    async def _act(self) -> None:
        number = self.rng.randrange(self.scale.external_secrets)
        match self.rng.choice(["value", "value", "source", "delete", "force"]):
            case "value":
                self.version += 1
                self.backend_of(number).set(f"k-{number}", self.version)
            case "source":
                await self.set_source(self.rng.randrange(self.scale.push_secrets))
            case "delete":
                await self.client.delete(Secret, f"es-{number}", NS, missing_ok=True)
            case "force":
                forced = {"metadata": {"annotations": {"force-sync": str(self.version)}}}
                await self.client.patch(ExternalSecret, f"es-{number}", NS, MergePatch(forced))

    async def out_of_step(self) -> list[str]:
        """What is not as it should be."""
        found: list[str] = []
        held = {secret.name: secret for secret in await self.client.list(Secret, NS)}
        for es in await self.client.list(ExternalSecret, NS):
            number = int(es.name.removeprefix("es-"))
            wanted = self.backend_of(number).values[f"k-{number}"]
            secret = held.get(es.name)
            if secret is None or secret.data.get("value") != wanted.encode():
                found.append(f"{es.name} does not hold the value of the store; {_state(es)}")
            elif _state(es) != "Ready":
                found.append(f"{es.name} is {_state(es)}")
        for push in await self.client.list(PushSecret, NS):
            key = f"p-{push.name.removeprefix('push-')}"
            if self.backend_of(int(key[2:])).values.get(key) != self.sources[key]:
                found.append(f"{push.name}: the store does not hold the value of the source; {_state(push)}")
            elif _state(push) != "Ready":
                found.append(f"{push.name} is {_state(push)}")
        return found

    async def healed(self) -> float:
        """Seconds until everything is in step."""
        began = time.monotonic()
        while True:
            problems: list[str] = ["the API server does not answer"]
            with contextlib.suppress(APIError, TransportError):
                problems = await self.out_of_step()
            if not problems:
                return time.monotonic() - began
            assert time.monotonic() - began < _HEALED, f"{len(problems)} out of step: {problems[:5]}"
            await asyncio.sleep(1)

    async def delete_everything(self) -> float:
        """Seconds until all objects are gone: nothing holds them, and what they own goes with them."""
        began = time.monotonic()
        await self.client.raw("DELETE", path("externalsecrets"))
        await self.client.raw("DELETE", path("pushsecrets", "v1alpha1"))
        while True:
            left = [es.name for es in await self.client.list(ExternalSecret, NS)]
            left += [push.name for push in await self.client.list(PushSecret, NS)]
            left += [secret.name for secret in await self.client.list(Secret, NS) if secret.name.startswith("es-")]
            if not left:
                return time.monotonic() - began
            assert time.monotonic() - began < 120, f"{len(left)} still there: {left[:5]}"
            await asyncio.sleep(0.5)


def _state(obj: ExternalSecret | PushSecret) -> str:
    ready = find_condition(obj.status.conditions or [], "Ready")
    if ready is None:
        return "without a condition"
    return "Ready" if ready.status == "True" else f"not Ready: {ready.message}"
