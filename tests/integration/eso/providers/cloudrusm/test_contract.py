"""The contract and the faults that every provider is checked for, of `cloudrusm`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

import grpc.aio
import pytest

from eso.errors import ProviderError
from eso.providers.base import FindRef
from eso.providers.cloudrusm.provider import CloudruSMProvider
from eso.providers.grpccalls import secure_channel
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.grpccontract import REF, GrpcBackend, grpc_backend
from tests.support.keypairs import key_pair
from tests.support.vendors.cloudrusm import KEY_ID, PROJECT, SECRET, CloudRu, Stored

UPSTREAM = {"validates": "validation asks nobody, and says so"}
VALUE = b'{"user":"ann","password":"canary-value"}'


def trusting(address: str, ca: bytes | None) -> grpc.aio.Channel:
    """A channel as the provider opens it, but to a server with the certificate of the tests."""
    return secure_channel(address, key_pair()[0], keepalive=30.0, patience=5.0)


def backend() -> GrpcBackend:
    server = CloudRu(secrets={"db": Stored("0b1cf2a4-0000-4000-8000-0000000000aa", [VALUE])})
    return GrpcBackend(
        server,
        lambda address, seconds: CloudruSMProvider(
            trusting, environ={"CLOUDRU_CSM_ADDRESS": address, "CLOUDRU_IAM_ADDRESS": address}, timeout=seconds
        ),
        lambda address: {
            "projectID": PROJECT,
            "auth": {
                "secretRef": {"accessKeyIDSecretRef": {**REF, "key": "id"}, "accessKeySecretSecretRef": REF},
            },
        },
        {"token": SECRET.encode(), "id": KEY_ID.encode()},
        server.refusing,
        more={
            "value": VALUE,
            "property_name": "password",
            "property_value": b"canary-value",
            "absent_property": ProviderError,
            "find": FindRef(name_regexp="^db$"),
        },
    )


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in UPSTREAM])
async def test_contract(check: str) -> None:
    async with grpc_backend(backend()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with grpc_backend(backend(), fault) as subject:
        await run_fault(fault, subject)
