"""The contract and the faults that every provider is checked for, of `kubernetes` and `crd` at an API server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from eso.errors import ProviderError
from eso.providers.base import FindRef
from eso.providers.crd.provider import CRDProvider
from eso.providers.kubernetes.provider import KubernetesProvider
from eso.providers.testing import CHECKS, FAULTS, Subject, run_check, run_fault
from eso.transform.gojson import dumps
from reconcile.api.core_v1 import Namespace, Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.errors import ReconcileError
from reconcile.testing.apiserver import ApiServer
from reconcile.testing.eventually import eventually
from tests.support.faultbench import connector, patience_for, trusting
from tests.support.gate import Gate

VALUE = {"password": "canary-value", "user": "ann"}
TOKENS = {"canary-token": "reader", "admin-token": "admin"}
NONE = "a bearer token from a Secret is the credential itself: no login makes another"

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
THINGS = "/apis/example.com/v1/namespaces/app/things"
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.example.com"},
    "spec": {
        "group": "example.com",
        "names": {"kind": "Thing", "plural": "things", "singular": "thing", "listKind": "ThingList"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


@asynccontextmanager
async def plane() -> AsyncIterator[tuple[ApiServer, Client]]:
    """An API server with the store's credential."""
    async with ApiServer(tokens=TOKENS) as server, Client(server.config) as kube:
        for name in ("app", "remote"):
            await kube.create(Namespace(metadata=ObjectMeta(name=name)))
        await kube.create(Secret(metadata=ObjectMeta(name="token", namespace="app"), data={"t": b"canary-token"}))
        yield server, kube


def connection(gate: Gate) -> dict[str, Any]:
    return {
        "server": {"url": gate.url, "caBundle": trusting(gate.ca)},
        "auth": {"token": {"bearerToken": {"name": "token", "key": "t"}}},
    }


@asynccontextmanager
async def kubernetes(fault: str = "") -> AsyncIterator[Subject]:
    async with plane() as (server, kube), Gate(server.url, VALUE["password"]) as gate:
        data = {name: text.encode() for name, text in VALUE.items()}
        await kube.create(Secret(metadata=ObjectMeta(name="db", namespace="remote"), data=data))
        provider = KubernetesProvider(patience_for(fault))
        async with connector(provider, {**connection(gate), "remoteNamespace": "remote"}, kube, fault) as connect:
            yield Subject(
                provider,
                connect,
                key="db",
                value=json.dumps(VALUE, separators=(",", ":")).encode(),
                property_name="password",
                property_value=VALUE["password"].encode(),
                missing="gone",
                credentials=[b"canary-token"],
                failures={**gate.failures, "rotated credentials": gate.unknown},
                exempt={"expired token": NONE},
                find=FindRef(name_regexp="^db$"),
                absent_property=ProviderError,
                push_key="pushed",
                push_property="text",
            )


@asynccontextmanager
async def crd(fault: str = "") -> AsyncIterator[Subject]:
    async with plane() as (server, kube), Gate(server.url, VALUE["password"]) as gate:
        await kube.raw("POST", CRDS, body=DEFINITION)
        thing = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "db"}, **VALUE}

        async def served() -> bool:
            try:
                await kube.raw("POST", THINGS, body=thing)
            except ReconcileError:
                return False
            return True

        await eventually(served)
        provider = CRDProvider(patience_for(fault))
        resource = {"group": "example.com", "version": "v1", "kind": "Thing"}
        async with connector(provider, {**connection(gate), "resource": resource}, kube, fault) as connect:
            yield Subject(
                provider,
                connect,
                key="db",
                value=dumps(await kube.raw("GET", f"{THINGS}/db")).encode(),
                property_name="password",
                property_value=VALUE["password"].encode(),
                missing="gone",
                credentials=[b"canary-token"],
                failures={**gate.failures, "rotated credentials": gate.unknown},
                exempt={"expired token": NONE},
                find=FindRef(name_regexp="^db$"),
                absent_property=ProviderError,
            )


SUBJECTS = [kubernetes, crd]


@pytest.mark.parametrize("subject_of", SUBJECTS)
@pytest.mark.parametrize("check", CHECKS)
async def test_contract(subject_of: Any, check: str) -> None:
    async with subject_of() as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("subject_of", SUBJECTS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(subject_of: Any, fault: str) -> None:
    async with subject_of(fault) as subject:
        await run_fault(fault, subject)
