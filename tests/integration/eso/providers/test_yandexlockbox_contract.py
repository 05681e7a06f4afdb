"""The contract and the faults that every provider is checked for, of `yandexlockbox`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

import pytest

from eso.errors import ProviderError
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from eso.providers.yandexcloud import YandexCloud
from eso.providers.yandexlockbox.provider import YandexLockboxProvider
from tests.support.grpccontract import REF, GrpcBackend, grpc_backend
from tests.support.vendorcontract import NOT_MISSING
from tests.support.vendors.yandex import Yandex, authorized_key

UPSTREAM = NOT_MISSING


def backend() -> GrpcBackend:
    server = Yandex(secrets={"db": {"": {"user": "ann", "password": "canary-value"}}})
    return GrpcBackend(
        server,
        lambda address, seconds: YandexLockboxProvider(YandexCloud(backoff=0.01, timeout=seconds)),
        lambda address: {
            "apiEndpoint": address,
            "auth": {"authorizedKeySecretRef": REF},
            "caProvider": {"certSecretRef": {**REF, "key": "ca"}},
        },
        {"token": authorized_key().encode()},
        server.refusing,
        address=lambda address: setattr(server, "address", address),
        more={
            "value": b'{"password":"canary-value","user":"ann"}',
            "property_name": "password",
            "property_value": b"canary-value",
            "absent_property": ProviderError,
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
