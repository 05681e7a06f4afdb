from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from eso.api.externalsecrets_v1.clusterexternalsecret import ClusterExternalSecret
from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.api.externalsecrets_v1alpha1.clusterpushsecret import ClusterPushSecret
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret, PushSecretData, PushSecretMatch, PushSecretRemoteRef
from eso.api.externalsecrets_v1beta1 import stored_schema
from eso.api.generators_v1alpha1.clustergenerator import ClusterGenerator
from eso.api.generators_v1alpha1.fake import Fake
from eso.api.generators_v1alpha1.generatorstate import GeneratorState
from eso.api.generators_v1alpha1.password import Password
from eso.api.generators_v1alpha1.vaultdynamicsecret import VaultDynamicSecret

EMPTY_KINDS = [
    ExternalSecret,
    ClusterExternalSecret,
    SecretStore,
    ClusterSecretStore,
    PushSecret,
    ClusterPushSecret,
    ClusterGenerator,
    GeneratorState,
    Fake,
    Password,
    VaultDynamicSecret,
]


@pytest.mark.parametrize("kind", EMPTY_KINDS, ids=lambda kind: kind.__name__)
def test_an_object_without_a_spec_is_readable(kind: Any) -> None:
    assert kind.from_wire({"metadata": {"name": "x"}}).name == "x"


def test_defaults_of_the_crd_are_those_of_the_model() -> None:
    spec = ExternalSecret.from_wire({"spec": {}}).spec
    assert (spec.target.creation_policy, spec.target.deletion_policy) == ("Owner", "Retain")
    assert spec.refresh_interval == "1h0m0s"
    push = PushSecret.from_wire({"spec": {"secretStoreRefs": [{"name": "a"}], "selector": {}}}).spec
    assert (push.update_policy, push.deletion_policy, push.secret_store_refs[0].kind) == (
        "Replace",
        "None",
        "SecretStore",
    )


def test_what_is_absent_stays_absent() -> None:
    spec = ExternalSecret.from_wire({"spec": {"data": [{"secretKey": "a", "remoteRef": {"key": "k"}}]}}).spec
    assert spec.data is not None
    assert spec.data[0].remote_ref.to_wire() == {"key": "k"}
    assert (spec.secret_store_ref, spec.data_from, spec.refresh_policy, spec.sync_windows) == (None, None, None, None)


@pytest.mark.parametrize(
    ("find", "tags"),
    [({}, None), ({"tags": {}}, {}), ({"tags": {"a": "b"}}, {"a": "b"})],
)
def test_empty_and_absent_tags_differ(find: dict[str, Any], tags: dict[str, str] | None) -> None:
    spec = ExternalSecret.from_wire({"spec": {"dataFrom": [{"find": find}]}}).spec
    assert spec.data_from is not None
    assert spec.data_from[0].find is not None
    assert spec.data_from[0].find.tags == tags


def test_unknown_fields_and_values_outside_an_enum_are_readable() -> None:
    body = {
        "spec": {
            "target": {"creationPolicy": "Adopt", "new": True, "name": "Not_A_Name"},
            "dataFrom": [{"sourceRef": {"generatorRef": {"kind": "Future", "name": "x"}}}],
        }
    }
    spec = ExternalSecret.from_wire(body).spec
    assert spec.target.creation_policy == "Adopt"  # type: ignore[comparison-overlap]
    assert spec.target.name == "Not_A_Name"
    assert spec.data_from is not None
    assert spec.data_from[0].source_ref is not None


def test_a_wrong_type_is_an_error_that_names_the_field() -> None:
    with pytest.raises(ValidationError, match=r"spec\.target\.name"):
        ExternalSecret.from_wire({"spec": {"target": {"name": {"hidden": "value"}}}})


def test_an_error_does_not_quote_the_value() -> None:
    with pytest.raises(ValidationError) as caught:
        ExternalSecret.from_wire({"spec": {"data": "s3cr3t"}})
    assert "s3cr3t" not in str(caught.value)


def test_objects_are_frozen() -> None:
    external_secret = ExternalSecret.from_wire({})
    with pytest.raises(ValidationError):
        external_secret.spec.refresh_interval = "1m"


def test_status_times_are_aware() -> None:
    status = ExternalSecret.from_wire({"status": {"refreshTime": "2024-01-02T03:04:05Z"}}).status
    assert status.refresh_time == datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert status.to_wire() == {"refreshTime": "2024-01-02T03:04:05Z"}
    assert ExternalSecret.from_wire({"status": {"refreshTime": None}}).status.refresh_time is None


@pytest.mark.parametrize(("value", "kept"), [(300, 300), ("5m", "5m"), ("10", "10"), (0, 0)])
def test_the_refresh_interval_of_a_store_is_a_number_or_a_text(value: Any, kept: Any) -> None:
    store = SecretStore.from_wire({"spec": {"refreshInterval": value}})
    assert store.spec.refresh_interval == kept
    assert type(store.spec.refresh_interval) is type(kept)


def test_a_provider_stands_as_it_is_in_the_object() -> None:
    provider = {"acme": {"url": "https://x", "nested": {"externalID": None, "list": [1]}}}
    store = ClusterSecretStore.from_wire({"spec": {"provider": provider}})
    assert store.spec.provider == provider
    assert store.to_wire()["spec"]["provider"] == provider


def test_free_json_is_kept_with_its_nulls() -> None:
    metadata = {"kind": "PushSecretMetadata", "spec": {"a": None, "b": [1, {"c": None}]}}
    match = PushSecretMatch(remote_ref=PushSecretRemoteRef(remote_key="r"))
    entry = PushSecretData(match=match, metadata=metadata)
    assert entry.to_wire()["metadata"] == metadata
    state = GeneratorState.from_wire({"spec": {"resource": metadata, "state": {"token": None}}})
    assert state.to_wire()["spec"] == {"resource": metadata, "state": {"token": None}}


def test_the_state_of_a_generator_does_not_print() -> None:
    state = GeneratorState.from_wire({"spec": {"resource": {"password": "s3cr3t"}, "state": {"token": "s3cr3t"}}})
    assert "s3cr3t" not in repr(state)
    assert "s3cr3t" not in repr(Fake.from_wire({"spec": {"data": {"a": "s3cr3t"}}}))


def test_pushed_entries_survive_a_round_trip() -> None:
    pushed = {
        "SecretStore/s": {
            "r/p": {
                "match": {"secretKey": "a", "remoteRef": {"remoteKey": "r", "property": "p"}},
                "conversionStrategy": "None",
            }
        }
    }
    status = PushSecret.from_wire({"status": {"syncedPushSecrets": pushed}}).status
    assert status.to_wire() == {"syncedPushSecrets": pushed}


@pytest.mark.parametrize("kind", ["ExternalSecret", "ClusterExternalSecret", "SecretStore", "ClusterSecretStore"])
def test_schemas_of_the_former_version_are_there(kind: str) -> None:
    assert "spec" in stored_schema(kind)["properties"]


def test_a_kind_that_came_later_has_no_former_version() -> None:
    with pytest.raises(FileNotFoundError):
        stored_schema("PushSecret")
