"""Sessions belong to one store and its credentials, follow those, and end."""

from __future__ import annotations

from eso.providers.base import RemoteRef
from reconcile.api.core_v1 import Secret
from reconcile.api.meta_v1 import ObjectMeta
from tests.integration.eso.providers.azurekv.conftest import Cloud
from tests.support.vendors.azurekv import CLIENT


async def test_stores_with_other_credentials_share_nothing(cloud: Cloud) -> None:
    cloud.azure.clients["second"] = "canary-second"
    cloud.azure.put("secrets", "db", value="v")
    data = {"id": b"second", "secret": b"canary-second"}
    await cloud.kube.create(Secret(metadata=ObjectMeta(name="second", namespace="app"), data=data))
    other = {"clientId": {"name": "second", "key": "id"}, "clientSecret": {"name": "second", "key": "secret"}}
    for store in (cloud.store(), cloud.store(authSecretRef=other)):
        async with cloud.manager.client_for(store, "app") as client:
            assert (await client.get_secret(RemoteRef("db"))).reveal() == b"v"
    assert cloud.azure.callers == [CLIENT, "second"]


async def test_rotated_credentials_are_used_at_the_next_read(cloud: Cloud) -> None:
    cloud.azure.put("secrets", "db", value="v")
    store = cloud.store()
    async with cloud.manager.client_for(store, "app") as client:
        await client.get_secret(RemoteRef("db"))
    cloud.azure.clients = {CLIENT: "canary-new"}
    cloud.azure.tokens.clear()
    secret = await cloud.kube.get(Secret, "credentials", "app")
    await cloud.kube.replace(secret.model_copy(update={"data": {**secret.data, "secret": b"canary-new"}}))
    async with cloud.manager.client_for(store, "app") as client:
        assert (await client.get_secret(RemoteRef("db"))).reveal() == b"v"
    assert [form["client_secret"] for form in cloud.azure.sign_ins][-1] == "canary-new"


async def test_reads_of_one_store_sign_in_once(cloud: Cloud) -> None:
    for name in "abc":
        cloud.azure.put("secrets", name, value=name)
    store = cloud.store()
    for name in "abc":
        async with cloud.manager.client_for(store, "app") as client:
            await client.get_secret(RemoteRef(name))
    assert len(cloud.azure.sign_ins) == 1
