"""The resolver: what may be read from where, and how often the API server is asked."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from eso.api.meta_v1 import CAProvider, SecretKeySelector, ServiceAccountSelector
from eso.errors import EsoError, InvalidSpecError, ReferenceNotFoundError
from eso.providers.calls import DirectCalls, ProviderCallMetrics
from eso.stores.context import GeneratorCallContext, StoreClientContext, StoreIdentity
from eso.stores.credentials import CredentialReader
from reconcile.api.core_v1 import ConfigMap, Namespace, Secret, ServiceAccount
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer
from reconcile.testing.loop import run
from tests.support.keypairs import certificate_pem


class Setup:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.reader = CredentialReader(client, now=lambda: self.now)

    def context(self, kind: str, consumer: str) -> StoreClientContext:
        namespace = "a" if kind == "SecretStore" else ""
        metrics = ProviderCallMetrics(CollectorRegistry())
        return StoreClientContext(
            StoreIdentity(kind, namespace, "s"),
            consumer,
            reader=self.reader,
            kube=self.client,
            calls=lambda name: DirectCalls(name, metrics),
        )

    def generator(self, consumer: str) -> GeneratorCallContext:
        return GeneratorCallContext(
            consumer, reader=self.reader, kube=self.client, metrics=ProviderCallMetrics(CollectorRegistry())
        )


@asynccontextmanager
async def setup() -> AsyncIterator[Setup]:
    async with ApiServer(listen=False) as server:
        client = Client(server.transport)
        for name in ("a", "b"):
            await client.create(Namespace(metadata=ObjectMeta(name=name)))
            meta = ObjectMeta(name="s", namespace=name)
            await client.create(Secret(metadata=meta, data={"k": f"secret-{name}".encode(), "ca": certificate_pem()}))
            await client.create(
                ConfigMap(metadata=meta, data={"k": f"config-{name}", "ca": certificate_pem().decode()})
            )
            account = ObjectMeta(name="app", namespace=name, annotations={"role": f"role-{name}"})
            await client.create(ServiceAccount(metadata=account))
        found = Setup(client)
        yield found
        await found.reader.close()


@pytest.mark.parametrize(
    ("kind", "consumer", "namespace", "value"),
    [
        ("SecretStore", "a", None, "secret-a"),
        ("SecretStore", "a", "a", "secret-a"),
        ("SecretStore", "a", "b", "secret-a"),
        ("ClusterSecretStore", "a", None, "secret-a"),
        ("ClusterSecretStore", "b", None, "secret-b"),
        ("ClusterSecretStore", "a", "b", "secret-b"),
        ("ClusterSecretStore", "", "b", "secret-b"),
        ("ClusterSecretStore", "", None, None),
        ("generator", "a", "b", "secret-a"),
        ("generator", "b", None, "secret-b"),
    ],
)
def test_where_a_secret_reference_leads(kind: str, consumer: str, namespace: str | None, value: str | None) -> None:
    async def main() -> None:
        async with setup() as found:
            context = found.generator(consumer) if kind == "generator" else found.context(kind, consumer)
            ref = SecretKeySelector(name="s", key="k", namespace=namespace)
            if value is None:
                with pytest.raises(InvalidSpecError, match="names no namespace"):
                    await context.resolve(ref)
            else:
                assert (await context.resolve(ref)).reveal_text() == value

    run(main())


@pytest.mark.parametrize(
    ("ref", "text"),
    [
        (SecretKeySelector(name="gone", key="k"), 'cannot get Kubernetes secret "gone" from namespace "a": '),
        (SecretKeySelector(name="s", key="gone"), 'cannot find secret data for key: "gone"'),
        (SecretKeySelector(key="k"), "a secret reference has no name"),
        (SecretKeySelector(name="s"), 'the reference to secret "s" has no key'),
    ],
)
def test_a_secret_reference_that_leads_nowhere(ref: SecretKeySelector, text: str) -> None:
    async def main() -> None:
        async with setup() as found:
            with pytest.raises(EsoError) as caught:
                await found.context("SecretStore", "a").resolve(ref)
            assert str(caught.value).startswith(text)
            assert "secret-a" not in str(caught.value)

    run(main())


def test_a_credential_that_no_header_can_carry_is_told_by_its_secret() -> None:
    async def main() -> None:
        async with setup() as found:
            meta = ObjectMeta(name="odd", namespace="a")
            await found.client.create(Secret(metadata=meta, data={"k": b"canary\n"}))
            context = found.context("SecretStore", "a")
            value = await context.resolve(SecretKeySelector(name="odd", key="k"))
            whole = await context.whole_secret(SecretKeySelector(name="odd"))
            for each in (value, whole.data["k"]):
                with pytest.raises(
                    InvalidSpecError, match='key "k" of secret "a/odd" cannot be sent as header'
                ) as caught:
                    context.http(bearer=each)
                assert "canary" not in str(caught.value)

    run(main())


PEM = certificate_pem()


@pytest.mark.parametrize(
    "bundle", [PEM, PEM.decode(), base64.b64encode(PEM), base64.b64encode(base64.b64encode(PEM)).decode()]
)
def test_a_ca_bundle_may_be_pem_or_base64_of_it_and_wins(bundle: str | bytes) -> None:
    async def main() -> None:
        async with setup() as found:
            provider = CAProvider(type="Secret", name="gone", key="ca")
            assert await found.context("SecretStore", "a").resolve_ca(bundle, provider) == PEM

    run(main())


@pytest.mark.parametrize(
    "bundle", ["nothing", b"\xff\xfe", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_a_ca_bundle_without_a_certificate(bundle: str | bytes) -> None:
    async def main() -> None:
        async with setup() as found:
            with pytest.raises(InvalidSpecError, match="caBundle"):
                await found.context("SecretStore", "a").resolve_ca(bundle, None)

    run(main())


@pytest.mark.parametrize("type_", ["Secret", "ConfigMap"])
@pytest.mark.parametrize(
    ("kind", "namespace", "text"),
    [
        ("SecretStore", None, None),
        ("SecretStore", "a", None),
        ("SecretStore", "b", "namespace should either be empty or match"),
        ("ClusterSecretStore", "b", None),
        ("ClusterSecretStore", None, "missing namespace on caProvider secret"),
        ("generator", None, None),
    ],
)
def test_a_ca_provider(type_: str, kind: str, namespace: str | None, text: str | None) -> None:
    async def main() -> None:
        async with setup() as found:
            context = found.generator("a") if kind == "generator" else found.context(kind, "a")
            provider = CAProvider.model_validate({"type": type_, "name": "s", "key": "ca", "namespace": namespace})
            if text is None:
                assert await context.resolve_ca(None, provider) == PEM
            else:
                with pytest.raises(InvalidSpecError, match=text):
                    await context.resolve_ca(None, provider)

    run(main())


def test_config_maps_and_annotations() -> None:
    async def main() -> None:
        async with setup() as found:
            context = found.context("ClusterSecretStore", "a")
            assert await context.read_config_map("s", "k") == "config-a"
            assert await context.read_config_map("s", "k", "b") == "config-b"
            with pytest.raises(ReferenceNotFoundError, match='cannot find config map data for key: "x"'):
                await context.read_config_map("s", "x")
            account = ServiceAccountSelector(name="app", namespace="b")
            assert await context.service_account_annotations(account) == {"role": "role-b"}
            assert await found.context("SecretStore", "a").service_account_annotations(account) == {"role": "role-a"}

    run(main())


class Requests:
    """Counts requests by method and path; add it with `Client(CountingTransport)`."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def count(self, part: str) -> int:
        return sum(part in path for path in self.seen)


class CountingTransport:
    def __init__(self, inner: object, requests: Requests) -> None:
        self._inner, self._requests = inner, requests

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    async def request(self, method: str, path: str, **options: object) -> object:
        self._requests.seen.append(f"{method} {path}")
        return await self._inner.request(method, path, **options)  # type: ignore[attr-defined]


def test_a_thousand_references_are_one_request_and_the_answer_lasts_ten_seconds() -> None:
    async def main() -> None:
        async with setup() as found:
            requests = Requests()
            found.reader = CredentialReader(Client(CountingTransport(found.client.transport, requests)))  # type: ignore[arg-type]
            context = found.context("SecretStore", "a")
            ref = SecretKeySelector(name="s", key="k")
            await asyncio.gather(*(context.resolve(ref) for _ in range(1000)))
            await asyncio.sleep(9)
            await context.resolve(ref)
            assert requests.count("/secrets/s") == 1
            await asyncio.sleep(2)
            await context.resolve(ref)
            assert requests.count("/secrets/s") == 2
            await found.reader.close()

    run(main())


def test_a_service_account_token_is_kept_until_a_minute_before_its_end() -> None:
    async def main() -> None:
        async with setup() as found:
            requests = Requests()
            found.reader = CredentialReader(
                Client(CountingTransport(found.client.transport, requests)),  # type: ignore[arg-type]
                now=lambda: found.now,
            )
            found.now = datetime.now(UTC)
            context = found.context("ClusterSecretStore", "a")
            own = ServiceAccountSelector(name="app", audiences=["one"])
            tokens = await asyncio.gather(*(context.service_account_token(own, ["two", "one"], 600) for _ in range(10)))
            assert len({token.reveal() for token in tokens}) == 1
            assert requests.count("/serviceaccounts/app/token") == 1
            found.now += timedelta(seconds=530)
            await context.service_account_token(own, ["two"], 600)
            assert requests.count("/serviceaccounts/app/token") == 1
            found.now += timedelta(seconds=20)
            await context.service_account_token(own, ["two"], 600)
            assert requests.count("/serviceaccounts/app/token") == 2
            other = ServiceAccountSelector(name="app", namespace="b", audiences=["one"])
            await context.service_account_token(other, ["two"], 600)
            assert requests.count("/namespaces/b/serviceaccounts/app/token") == 1
            with pytest.raises(ReferenceNotFoundError, match='service account "gone" in namespace "a": not found'):
                await context.service_account_token(ServiceAccountSelector(name="gone"))
            await found.reader.close()

    run(main())
