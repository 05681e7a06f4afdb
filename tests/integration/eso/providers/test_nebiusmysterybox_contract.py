"""The contract and the faults that every provider is checked for, of `nebiusmysterybox`."""

from __future__ import annotations

from functools import partial

import grpc.aio
import pytest

from eso.providers.grpccalls import secure_channel
from eso.providers.nebiusmysterybox.provider import NebiusMysteryboxProvider
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.grpccontract import REF, GrpcBackend, grpc_backend
from tests.support.vendors.nebiusmysterybox import Nebius, subject_credentials


def dialled(address: str, asked: str, ca: bytes | None) -> grpc.aio.Channel:
    """A channel to `address`, whatever host of Nebius is asked for."""
    return secure_channel(address, ca, keepalive=30.0, patience=5.0)


def backend() -> GrpcBackend:
    server = Nebius(secrets={"db": {"": {"user": "ann", "password": "canary-value"}}})
    return GrpcBackend(
        server,
        lambda address, seconds: NebiusMysteryboxProvider(partial(dialled, address), backoff=0.01, timeout=seconds),
        lambda address: {
            "apiDomain": "api.example.cloud",
            "auth": {"serviceAccountCredsSecretRef": REF},
            "caProvider": {"certSecretRef": {**REF, "key": "ca"}},
        },
        {"token": subject_credentials().encode()},
        server.refusing,
        more={
            "value": b'{"password":"canary-value","user":"ann"}',
            "property_name": "password",
            "property_value": b"canary-value",
        },
    )


@pytest.mark.parametrize("check", CHECKS)
async def test_contract(check: str) -> None:
    async with grpc_backend(backend()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with grpc_backend(backend(), fault) as subject:
        await run_fault(fault, subject)
