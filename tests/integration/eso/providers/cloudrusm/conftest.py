"""Cloud.ru, and stores that use it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest

from eso.providers.cloudrusm.provider import CloudruSMProvider
from eso.providers.grpccalls import secure_channel
from tests.support.keypairs import key_pair
from tests.support.providerbench import ProviderBench, bench
from tests.support.vendors.cloudrusm import KEY_ID, PROJECT, SECRET, CloudRu, Directory, Stored
from tests.support.vendors.grpcserver import serving_grpc
from tests.support.vendors.tokenserver import serving

METRICS = "CloudRu/SecretManager"
DB = "0b1cf2a4-0000-4000-8000-0000000000aa"
DOCUMENT = (
    b'{"a":"x","n":{"k":"deep","m":1},"l":["first"],"num":1.50,"yes":true,"null":null,"dot.ted":"y","esc":"\\u00e9\\n"}'
)


def stored() -> dict[str, Stored]:
    return {
        "app/db": Stored(DB, [b"canary-older", b"canary-password"], {"team": "db", "env": "prod"}),
        "app/doc": Stored("0b1cf2a4-0000-4000-8000-0000000000bb", [DOCUMENT], {"team": "db"}),
        "root": Stored("0b1cf2a4-0000-4000-8000-0000000000cc", [b"\xff\x00canary"]),
        "odd/raw": Stored(
            "0b1cf2a4-0000-4000-8000-0000000000dd", [b'{ "q" : "\\"in\\"" , "o" : { "x" : 1 } , "t":"a<b" }']
        ),
        "odd/list": Stored("0b1cf2a4-0000-4000-8000-0000000000ee", [b'["canary"]']),
        "odd/empty": Stored("0b1cf2a4-0000-4000-8000-0000000000ff", [b""]),
        "odd/gone": Stored("0b1cf2a4-0000-4000-8000-000000000011", [None]),
    }


class Case:
    def __init__(self, cloud: CloudRu, directory: Directory) -> None:
        self.cloud = cloud
        self.directory = directory
        self.clock = 1000.0
        self.dialled: list[str] = []
        self.environ = {"CLOUDRU_CSM_ADDRESS": cloud.target, "CLOUDRU_IAM_ADDRESS": cloud.target}
        self.provider = CloudruSMProvider(self._channel, lambda: self.clock, self.environ, timeout=2.0)
        self.stores: ProviderBench

    def _channel(self, address: str, ca: bytes | None) -> grpc.aio.Channel:
        self.dialled.append(address)
        return secure_channel(address, key_pair()[0], keepalive=30.0, patience=5.0)

    def lend(self, *, cluster: bool = False, consumer: str = "app", uid: str = "", **more: Any) -> Any:
        return self.stores.lend({**spec(), **more}, cluster=cluster, consumer=consumer, uid=uid)


def spec(key: str = "secret", name: str = "cloudru", **more: str) -> dict[str, Any]:
    refs = {
        "accessKeyIDSecretRef": {"name": "cloudru", "key": "id", **more},
        "accessKeySecretSecretRef": {"name": name, "key": key, **more},
    }
    return {"projectID": PROJECT, "auth": {"secretRef": refs}}


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    cloud, directory = CloudRu(secrets=stored()), Directory()
    async with serving_grpc(cloud, key_pair()), serving(directory):
        found = Case(cloud, directory)
        async with bench(found.provider) as found.stores:
            for namespace in ("app", "other"):
                await found.stores.secret(
                    "cloudru", namespace, id=KEY_ID, secret=SECRET, empty="", wrong="canary-wrong"
                )
            yield found
