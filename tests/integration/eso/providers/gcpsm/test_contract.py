"""The contract and the faults that every provider is checked for, of `gcpsm`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import grpc
import grpc.aio
import pytest
from google.cloud.secretmanager_v1.types import AccessSecretVersionResponse, SecretPayload

from eso.errors import ProviderError
from eso.identity.gcp import GoogleEndpoints
from eso.providers.base import FindRef
from eso.providers.gcpsm.api import MESSAGE_LIMIT
from eso.providers.gcpsm.provider import GCPSMProvider
from eso.providers.testing import CHECKS, FAULTS, Subject, run_check, run_fault
from reconcile.api.core_v1 import Namespace, Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer
from tests.integration.eso.providers.gcpsm.conftest import KEY
from tests.support.faultbench import connector, patience_for
from tests.support.keypairs import key_pair
from tests.support.switchboard import switchboard
from tests.support.vendors.gcpsm import PROJECT, Fault, GoogleCloud, google_cloud, service_account_key

VALUE = b'{"user":"ann","password":"canary-value"}'
HUGE = AccessSecretVersionResponse.serialize(AccessSecretVersionResponse(payload=SecretPayload(data=b"x" * 10_000_000)))


@asynccontextmanager
async def failing(google: GoogleCloud, fault: Fault) -> AsyncIterator[None]:
    google.faults.append(fault)
    try:
        yield
    finally:
        google.faults.remove(fault)


@asynccontextmanager
async def signed_out(google: GoogleCloud, refuse: int) -> AsyncIterator[None]:
    google.tokens.clear()
    google.refuse_sign_in = refuse
    try:
        yield
    finally:
        google.refuse_sign_in = 0


@asynccontextmanager
async def backend(fault: str = "") -> AsyncIterator[Subject]:
    async with (
        google_cloud(key_pair()) as google,
        switchboard(int(google.target.rpartition(":")[2])) as board,
        ApiServer(listen=False) as server,
        Client(server.transport) as kube,
    ):
        google.put("db", VALUE)
        await kube.create(Namespace(metadata=ObjectMeta(name="app")))
        key = service_account_key(token_uri=f"{google.url}/token").encode()
        await kube.create(Secret(metadata=ObjectMeta(name="credentials", namespace="app"), data={"key": key}))

        def channel(host: str, roots: bytes | None) -> grpc.aio.Channel:
            options = [("grpc.max_receive_message_length", MESSAGE_LIMIT)]
            credentials = grpc.ssl_channel_credentials(key_pair()[0])
            return grpc.aio.secure_channel(f"127.0.0.1:{board.port}", credentials, options)

        endpoints = GoogleEndpoints(token=f"{google.url}/token")
        provider = GCPSMProvider(channel, endpoints, environ={}, backoff=0.01, timeout=patience_for(fault))
        faults = {
            "denied": Fault("*", grpc.StatusCode.PERMISSION_DENIED, -1),
            "throttled": Fault("*", grpc.StatusCode.RESOURCE_EXHAUSTED, -1, wait=7.0),
            "timeout": Fault("*", times=-1, delay=2.0),
            "malformed answer": Fault("*", times=-1, content=b"\xff" + VALUE),
            "huge answer": Fault("*", times=-1, content=HUGE),
        }
        async with connector(provider, {"projectID": PROJECT, "auth": KEY}, kube, fault) as connect:
            yield Subject(
                provider,
                connect,
                key="db",
                value=VALUE,
                property_name="password",
                property_value=b"canary-value",
                missing="gone",
                credentials=[b"PRIVATE KEY", b"canary-token", b"canary-vendor-text"],
                failures={
                    **{name: partial(failing, google, one) for name, one in faults.items()},
                    "half-open": board.silent,
                    "wrong certificate": board.untrusted,
                    "expired token": partial(signed_out, google, 0),
                    "rotated credentials": partial(signed_out, google, 400),
                },
                find=FindRef(name_regexp="^db$"),
                absent_property=ProviderError,
                push_key="pushed",
            )


@pytest.mark.parametrize("check", CHECKS)
async def test_contract(check: str) -> None:
    async with backend() as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(fault) as subject:
        await run_fault(fault, subject)
