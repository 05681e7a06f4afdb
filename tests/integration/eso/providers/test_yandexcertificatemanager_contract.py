"""The contract and the faults that every provider is checked for, of `yandexcertificatemanager`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

import pytest

from eso.errors import InvalidSpecError
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from eso.providers.yandexcertificatemanager.provider import YandexCertificateManagerProvider
from eso.providers.yandexcloud import YandexCloud
from tests.support.grpccontract import REF, GrpcBackend, grpc_backend
from tests.support.vendorcontract import NOT_MISSING
from tests.support.vendors.yandex import Yandex, authorized_key

UPSTREAM = NOT_MISSING


def backend() -> GrpcBackend:
    server = Yandex(certificates={"db": {"": (["leaf"], "canary-value")}})
    return GrpcBackend(
        server,
        lambda address, seconds: YandexCertificateManagerProvider(YandexCloud(backoff=0.01, timeout=seconds)),
        lambda address: {
            "apiEndpoint": address,
            "auth": {"authorizedKeySecretRef": REF},
            "caProvider": {"certSecretRef": {**REF, "key": "ca"}},
        },
        {"token": authorized_key().encode()},
        server.refusing,
        address=lambda address: setattr(server, "address", address),
        more={
            "value": b"leaf\ncanary-value\n",
            "property_name": "privateKey",
            "property_value": b"canary-value\n",
            "absent_property": InvalidSpecError,
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
