"""How many sign-ins the users of one store need, counted by a real Vault."""

from __future__ import annotations

import asyncio
import urllib.error

import pytest

from eso.providers.base import RemoteRef
from tests.integration.eso.providers.vault.conftest import Engine, Stores


async def test_a_thousand_external_secrets_are_one_token_which_is_revoked_at_exit(
    stores: Stores, engine: Engine
) -> None:
    vault = engine.vault
    vault.policy(f"r-{engine.v2}", **{f"{engine.v2}__STAR": ["read", "list"]})
    vault.enable("approle", f"roles-{engine.v2}")
    vault.call("POST", f"auth/roles-{engine.v2}/role/app", {"token_policies": [f"r-{engine.v2}"]})
    role = vault.call("GET", f"auth/roles-{engine.v2}/role/app/role-id")["data"]["role_id"]
    await stores.secret("id", id=vault.call("POST", f"auth/roles-{engine.v2}/role/app/secret-id")["data"]["secret_id"])
    auth = {"path": f"roles-{engine.v2}", "roleId": role, "secretRef": {"name": "id", "key": "id"}}
    store = stores.store(engine.spec(auth={"appRole": auth}))
    for number in range(20):
        engine.put(f"k{number}", {"n": str(number)})
    before = set(vault.call("LIST", "auth/token/accessors")["data"]["keys"])

    async def read(number: int) -> bytes:
        async with stores.manager.client_for(store, "app", max_age=10) as client:
            return (await client.get_secret(RemoteRef(f"k{number % 20}", "n"))).reveal()

    found = await asyncio.gather(*(read(number) for number in range(1000)))
    assert found[77] == b"17"
    (accessor,) = set(vault.call("LIST", "auth/token/accessors")["data"]["keys"]) - before
    assert stores.counted("Login") == 1
    await stores.manager.close()
    with pytest.raises(urllib.error.HTTPError):
        vault.call("POST", "auth/token/lookup-accessor", {"accessor": accessor})
