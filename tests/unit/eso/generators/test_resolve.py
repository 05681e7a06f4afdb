"""generatorRef to generator: generatorstate.md 5, ClusterGenerator.md."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from eso.api.externalsecrets_v1.refs import GeneratorRef
from eso.api.generators_v1alpha1.clustergenerator import GeneratorSpec
from eso.errors import ReferenceNotFoundError
from eso.generators.registry import GENERATORS, GeneratorRegistry
from eso.generators.resolve import CLUSTER_SPECS, GeneratorReferenceError, GeneratorResolver, Resolved
from reconcile.client.client import Client
from reconcile.client.transport import Response
from reconcile.errors import TerminalError, TransportError
from reconcile.testing.loop import run
from tests.support.tokenvendor import Cluster, cluster, generator_entry

GROUP = "generators.external-secrets.io/v1alpha1"


def ref(kind: str, name: str = "g", api_version: str = GROUP) -> GeneratorRef:
    return GeneratorRef.model_construct(api_version=api_version, kind=kind, name=name)


class Objects:
    """A transport that answers GET with one object, whatever its path; a missing one is 404."""

    host = "objects"

    def __init__(self, found: dict[str, Any] | None = None) -> None:
        self.found = found
        self.paths: list[str] = []

    async def request(self, method: str, path: str, **_: Any) -> Response:
        self.paths.append(path)
        if self.found is None:
            return Response(
                404, b'{"kind":"Status","code":404,"reason":"NotFound","message":"fakes \\"g\\" not found"}'
            )
        return Response(200, json.dumps(self.found).encode())

    def stream(self, *_: Any, **__: Any) -> Any:
        raise TransportError("no watches here")

    async def close(self) -> None:
        return


def resolve(
    reference: GeneratorRef, found: dict[str, Any] | None = None, table: dict[str, str] | None = None
) -> Resolved:
    resolver = GeneratorResolver(Client(Objects(found)), GeneratorRegistry(GENERATORS if table is None else table))
    return run(resolver.resolve(reference, "ns"))


def cluster_generator(kind: str, **generator: Any) -> dict[str, Any]:
    return {"metadata": {"name": "g"}, "spec": {"kind": kind, "generator": generator}}


@pytest.mark.parametrize(
    ("reference", "found", "text"),
    [
        (
            ref("Fake", api_version="a/b/c"),
            None,
            "generatorRef has invalid APIVersion: unexpected GroupVersion string: a/b/c",
        ),
        (
            ref("Fake", api_version="apps/v1"),
            None,
            "generatorRef may only reference the generators group, but got apps",
        ),
        (ref("Fake", api_version="v1"), None, "generatorRef may only reference the generators group, but got "),
        (ref("Nope"), None, f"generatorRef references unknown GVK {GROUP}, Kind=Nope"),
        (
            ref("Fake", api_version="generators.external-secrets.io/v9"),
            None,
            "generatorRef references unknown GVK generators.external-secrets.io/v9, Kind=Fake",
        ),
        (ref("GeneratorState"), None, "generatorRef has unknown kind GeneratorState"),
        (
            ref("ClusterGenerator"),
            cluster_generator("Fake", uuidSpec={}),
            "invalid ClusterGenerator: when kind is Fake, FakeSpec must be set",
        ),
        (
            ref("ClusterGenerator"),
            cluster_generator("Nope", fakeSpec={}),
            "invalid ClusterGenerator: unknown kind Nope",
        ),
        (
            ref("GithubAccessToken"),
            {"metadata": {}, "spec": {"appID": "1", "installID": "2"}},
            "spec.auth: Field required",
        ),
        (ref("GithubAccessToken"), {"metadata": {}}, "no config spec provided"),
    ],
)
def test_reference_that_can_never_work_is_terminal(
    reference: GeneratorRef, found: dict[str, Any] | None, text: str
) -> None:
    with pytest.raises(GeneratorReferenceError) as caught:
        resolve(reference, found)
    assert str(caught.value) == f"unable to get generator: {text}"
    assert isinstance(caught.value.__cause__, TerminalError)


@pytest.mark.parametrize(
    ("reference", "found", "text"),
    [
        (ref("Fake"), None, "generatorRef has unknown kind Fake"),
        (
            ref("ClusterGenerator"),
            cluster_generator("Fake", fakeSpec={}),
            "ClusterGenerator has unknown kind Fake",
        ),
    ],
)
def test_kind_without_implementation_is_terminal(
    reference: GeneratorRef, found: dict[str, Any] | None, text: str
) -> None:
    with pytest.raises(GeneratorReferenceError, match=text):
        resolve(reference, found, table={"UUID": GENERATORS["UUID"]})


def test_missing_generator_is_retried() -> None:
    with pytest.raises(
        ReferenceNotFoundError, match=r'unable to get generator: Fake\.generators\.external-secrets\.io "g" not found'
    ) as caught:
        resolve(ref("Fake"))
    assert not isinstance(caught.value.__cause__, TerminalError)


def test_manifest_is_a_snapshot_without_bookkeeping() -> None:
    metadata = {
        "name": "g",
        "managedFields": [{}],
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "mine": "kept"},
    }
    resolved = resolve(ref("Fake"), {"metadata": metadata, "spec": {"data": {"a": "b"}, "unknown": 1}})
    assert resolved.kind == "Fake"
    assert resolved.manifest == {
        "apiVersion": GROUP,
        "kind": "Fake",
        "metadata": {"name": "g", "annotations": {"mine": "kept"}},
        "spec": {"data": {"a": "b"}, "unknown": 1},
    }


def test_cluster_generator_is_read_without_namespace_and_becomes_a_virtual_manifest() -> None:
    transport = Objects(cluster_generator("Fake", fakeSpec={"data": {"a": "b"}}))
    resolver = GeneratorResolver(Client(transport), GeneratorRegistry())
    resolved = run(resolver.resolve(ref("ClusterGenerator"), "ns"))
    assert transport.paths == [f"/apis/{GROUP}/clustergenerators/g"]
    assert resolved.kind == "Fake"
    assert resolved.manifest == {"apiVersion": GROUP, "kind": "Fake", "spec": {"data": {"a": "b"}}}


def test_every_kind_has_a_generator_and_a_place_in_cluster_generator() -> None:
    registry = GeneratorRegistry()
    assert len(GENERATORS) == 17
    assert set(CLUSTER_SPECS) == set(GENERATORS)
    assert {field.alias for field in GeneratorSpec.model_fields.values()} == set(CLUSTER_SPECS.values())
    for kind in GENERATORS:
        assert registry.get(kind).kind == kind
        assert registry.get(kind) is registry.get(kind)


@pytest.mark.parametrize("kind", ["Fake", "ClusterGenerator"])
@pytest.mark.parametrize(("controller", "expected"), [("other", "other"), (None, None)])
def test_controller_class(kind: str, controller: str | None, expected: str | None) -> None:
    spec = {} if controller is None else {"controller": controller}
    found = {"metadata": {}, "spec": spec} if kind == "Fake" else cluster_generator("Fake", fakeSpec=spec)
    resolver = GeneratorResolver(Client(Objects(found)), GeneratorRegistry())
    assert run(resolver.controller_class(ref(kind), "ns")) == expected


@pytest.mark.parametrize("reference", [ref("Fake"), ref("Nope"), ref("Fake", api_version="v1")])
def test_controller_class_of_what_cannot_be_resolved_is_none(reference: GeneratorRef) -> None:
    resolver = GeneratorResolver(Client(Objects()), GeneratorRegistry())
    assert run(resolver.controller_class(reference, "ns")) is None


def test_external_secret_tells_of_a_cluster_generator_that_is_inconsistent() -> None:
    async def story(c: Cluster) -> None:
        document = {
            "apiVersion": GROUP,
            "kind": "ClusterGenerator",
            "metadata": {"name": "g"},
            "spec": {"kind": "Fake", "generator": {"uuidSpec": {}}},
        }
        await c.client.raw("POST", f"/apis/{GROUP}/clustergenerators", body=document)
        async with c.operator():
            await c.external_secret(dataFrom=[generator_entry("g", "ClusterGenerator")])
            await asyncio.sleep(5)
        es = await c.client.raw("GET", "/apis/external-secrets.io/v1/namespaces/default/externalsecrets/es")
        (condition,) = es["status"]["conditions"]
        assert (condition["status"], condition["reason"]) == ("False", "SecretSyncedError")
        assert "invalid ClusterGenerator: when kind is Fake, FakeSpec must be set" in condition["message"]

    async def go() -> None:
        async with cluster() as c:
            await story(c)

    run(go())
