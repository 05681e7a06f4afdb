"""The provider `fake`, contract row by contract row."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

import pytest
from prometheus_client import CollectorRegistry

from eso.errors import (
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ValidationUnknownError,
)
from eso.providers.base import (
    FindRef,
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    ValidationResult,
)
from eso.providers.calls import DirectCalls, ProviderCallMetrics
from eso.providers.fake.provider import FakeProvider
from eso.providers.fake.spec import FakeSpec
from eso.stores.context import StoreClientContext, StoreIdentity
from eso.stores.credentials import CredentialReader
from eso.values import reveal_all, wrap_all
from reconcile.client.client import Client
from reconcile.client.config import Config

T = TypeVar("T")

DATA = [
    {"key": "plain", "value": "text"},
    {"key": "json", "value": '{"a":"x","n":{"m":1.50},"t":true}'},
    {"key": "v", "value": "one", "version": "v1"},
    {"key": "v", "value": "ten", "version": "v10"},
    {"key": "v", "value": "two", "version": "v2"},
    {"key": "path/to", "value": "p"},
]


def client(
    provider: FakeProvider | None = None,
    *,
    namespace: str = "a",
    data: list[dict[str, Any]] | None = None,
    result: int | None = None,
) -> SecretsClient:
    async def main() -> SecretsClient:
        kube = Client(Config(server="http://127.0.0.1:1"))
        metrics = ProviderCallMetrics(CollectorRegistry())
        context = StoreClientContext(
            StoreIdentity("SecretStore", namespace, "s", uid=f"uid-{namespace}"),
            namespace,
            reader=CredentialReader(kube),
            kube=kube,
            calls=lambda name: DirectCalls(name, metrics),
        )
        spec = FakeSpec.model_validate({"data": DATA if data is None else data, "validationResult": result})
        return await (provider or FakeProvider()).new_client(spec, context)

    return asyncio.run(main())


def done(call: Awaitable[T]) -> T:
    async def main() -> T:
        return await call

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("ref", "value"),
    [
        (RemoteRef("plain"), b"text"),
        (RemoteRef("plain", metadata_policy="Fetch"), b"text"),
        (RemoteRef("json", "n.m"), b"1.5"),
        (RemoteRef("json", "n"), b'{"m":1.50}'),
        (RemoteRef("v", version="v2"), b"two"),
        (RemoteRef("v"), None),
        (RemoteRef("vv1"), None),
        (RemoteRef("plain", version="v1"), None),
        (RemoteRef("json", "zzz"), None),
        (RemoteRef("gone"), None),
    ],
)
def test_get(ref: RemoteRef, value: bytes | None) -> None:
    if value is None:
        with pytest.raises(NoSecretError):
            done(client().get_secret(ref))
    else:
        assert done(client().get_secret(ref)).reveal() == value


def test_extract() -> None:
    assert reveal_all(done(client().get_secret_map(RemoteRef("json")))) == {"a": b"x", "n": b'{"m":1.50}', "t": b"true"}
    assert reveal_all(done(client().get_secret_map(RemoteRef("json", "n")))) == {"m": b"1.50"}
    with pytest.raises(ProviderError):
        done(client().get_secret_map(RemoteRef("plain")))


def test_find() -> None:
    found = done(client().get_all_secrets(FindRef(name_regexp="^(v|path)")))
    assert reveal_all(found) == {"v": b"two", "path_to": b"p"}
    found = done(client().get_all_secrets(FindRef(name_regexp="/", conversion_strategy="Unicode")))
    assert reveal_all(found) == {"path_U002f_to": b"p"}
    with pytest.raises(InvalidRequestError):
        done(client().get_all_secrets(FindRef(tags={"a": "b"})))
    with pytest.raises(InvalidSpecError):
        done(client().get_all_secrets(FindRef(name_regexp="(")))


def test_push() -> None:
    fake = client()
    source = SourceSecret(wrap_all({"k": "pushed", "l": "again"}))
    remote = PushRemoteRef("new")
    assert not done(fake.secret_exists(remote))
    done(fake.push_secret(source, PushEntry("k", remote)))
    assert done(fake.secret_exists(remote))
    done(fake.push_secret(source, PushEntry("l", remote)))
    assert done(fake.get_secret(RemoteRef("new"))).reveal() == b"again"
    done(fake.push_secret(source, PushEntry("", remote)))
    assert done(fake.get_secret(RemoteRef("new"))).reveal() == b""
    done(fake.delete_secret(remote))
    assert done(fake.secret_exists(remote))
    with pytest.raises(ProviderError, match=r"^key already exists$"):
        done(fake.push_secret(source, PushEntry("k", PushRemoteRef("plain"))))


def test_a_new_client_reloads_the_spec_and_keeps_what_was_pushed() -> None:
    provider = FakeProvider()
    done(client(provider).push_secret(SourceSecret(wrap_all({"k": "v"})), PushEntry("k", PushRemoteRef("new"))))
    again = client(provider, data=[{"key": "only", "value": "x"}])
    assert done(again.get_secret(RemoteRef("new"))).reveal() == b"v"
    with pytest.raises(NoSecretError):
        done(again.get_secret(RemoteRef("plain")))


def test_stores_of_one_name_do_not_share() -> None:
    provider = FakeProvider()
    done(client(provider).push_secret(SourceSecret(wrap_all({"k": "v"})), PushEntry("k", PushRemoteRef("new"))))
    assert not done(client(provider, namespace="b").secret_exists(PushRemoteRef("new")))


def test_validate() -> None:
    assert done(client(result=0).validate()) is ValidationResult.READY
    with pytest.raises(ValidationUnknownError, match=r"^unable to validate$"):
        done(client(result=1).validate())
    with pytest.raises(ProviderError, match=r"^unable to validate$"):
        done(client(result=2).validate())


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"key": "", "value": "v"}, "^key must be set in data 1$"),
        ({"key": "k", "value": ""}, "^at least one value must be set in data 1$"),
    ],
)
def test_validate_store(entry: dict[str, str], message: str) -> None:
    spec = FakeSpec.model_validate({"data": [{"key": "a", "value": "b"}, entry]})
    with pytest.raises(InvalidSpecError, match=message):
        FakeProvider().validate_store(spec, store_kind="SecretStore", store_namespace="a")
