"""Sessions belong to one store and its credentials, follow those, and end."""

from __future__ import annotations

import asyncio
import json

import grpc.aio
import pytest

from eso.providers.base import PushEntry, PushRemoteRef, RemoteRef, SourceSecret
from eso.values import wrap_all
from reconcile.api.core_v1 import Secret
from tests.integration.eso.providers.gcpsm.conftest import Cloud
from tests.support.vendors.gcpsm import EMAIL, service_account_key

SECOND = "second@demo.iam.gserviceaccount.com"


async def test_stores_with_other_credentials_share_nothing(cloud: Cloud) -> None:
    cloud.google.emails.add(SECOND)
    cloud.google.put("db", b"v")
    await cloud.secret("second", key=service_account_key(client_email=SECOND, token_uri=f"{cloud.google.url}/token"))
    other = {"secretRef": {"secretAccessKeySecretRef": {"name": "second", "key": "key"}}}
    for store in (cloud.store(), cloud.store(auth=other)):
        async with cloud.manager.client_for(store, "app") as client:
            assert (await client.get_secret(RemoteRef("db"))).reveal() == b"v"
    assert cloud.google.callers == [EMAIL, SECOND]


async def test_rotated_credentials_are_used_at_the_next_read(cloud: Cloud) -> None:
    cloud.google.put("db", b"v")
    store = cloud.store()
    async with cloud.manager.client_for(store, "app") as client:
        await client.get_secret(RemoteRef("db"))
    cloud.google.emails = {SECOND}
    cloud.google.tokens.clear()
    secret = await cloud.kube.get(Secret, "credentials", "app")
    key = service_account_key(client_email=SECOND, token_uri=f"{cloud.google.url}/token").encode()
    await cloud.kube.replace(secret.model_copy(update={"data": {"key": key}}))
    async with cloud.manager.client_for(store, "app") as client:
        assert (await client.get_secret(RemoteRef("db"))).reveal() == b"v"
    assert cloud.google.callers == [EMAIL, SECOND]


async def test_properties_written_through_two_stores_all_arrive(cloud: Cloud) -> None:
    stores = [cloud.store(), cloud.store()]

    async def write(number: int) -> None:
        name = f"k{number}"
        source = SourceSecret(wrap_all({"k": name}), "app")
        async with cloud.manager.client_for(stores[number % 2], "app") as client:
            await client.push_secret(source, PushEntry("k", PushRemoteRef("db", name), None))

    await asyncio.gather(*(write(number) for number in range(6)))
    assert json.loads(cloud.google.versions("db")[-1]) == {f"k{number}": f"k{number}" for number in range(6)}


async def test_reads_of_one_store_sign_in_once_and_their_channel_is_closed(cloud: Cloud) -> None:
    for name in "abc":
        cloud.google.put(name, name.encode())
    store = cloud.store()
    for name in "abc":
        async with cloud.manager.client_for(store, "app") as client:
            await client.get_secret(RemoteRef(name))
    assert len(cloud.google.exchanges) == len(cloud.channels) == 1
    await cloud.manager.close()
    with pytest.raises(grpc.aio.UsageError):
        await cloud.channels[0].unary_unary("/x/y")(b"")
