"""generators/gcr.md against servers of Google's protocols."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from eso.errors import AccessDeniedError, EsoError, InvalidSpecError, UnavailableError
from eso.generators.gcraccesstoken import GCRAccessTokenGenerator
from eso.identity.gcp import GoogleEndpoints
from tests.support.generatorcontext import GeneratorBench
from tests.support.vendors.google import Google
from tests.support.vendors.tokenserver import serving

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = int(NOW.timestamp())
KEY = {"secretRef": {"secretAccessKeySecretRef": {"name": "gcp", "key": "k"}}}
CLUSTER = "https://container.googleapis.com/v1/projects/p/locations/europe-west1/clusters/c"
ANNOTATION = "iam.gke.io/gcp-service-account"
EMAIL = "robot@p.iam.gserviceaccount.com"


class Case:
    def __init__(self, key: Callable[[Google], str] = Google.key_file) -> None:
        self.google = Google(now=NOW.timestamp())
        self.key = key
        self.bench = GeneratorBench()
        self.environ: dict[str, str] = {}

    def generate(self, auth: dict[str, Any], project: str = "p") -> dict[str, str]:
        async def go() -> dict[str, str]:
            async with serving(self.google):
                self.bench = GeneratorBench(
                    {"gcp": {"k": self.key(self.google)}}, {"app": {ANNOTATION: EMAIL}, "plain": {}}
                )
                url = self.google.url
                endpoints = GoogleEndpoints(f"{url}/binding", f"{url}/sts", url, url, f"{url}/token")
                generator = GCRAccessTokenGenerator(endpoints, lambda: NOW, self.environ)
                values, state = await self.bench.generate(generator, {"projectID": project, "auth": auth})
                assert state is None
                return values

        return asyncio.run(go())


def login(token: str, seconds: int) -> dict[str, str]:
    return {"username": "oauth2accesstoken", "password": token, "expiry": str(SECOND + seconds)}


def test_service_account_key() -> None:
    assert Case().generate(KEY) == login(f"canary-{EMAIL}", 3599)


def test_a_secret_ref_without_a_key_does_not_fall_back_to_the_operator() -> None:
    with pytest.raises(InvalidSpecError, match="secretAccessKeySecretRef must be set"):
        Case().generate({"secretRef": {}})


def test_key_comes_before_the_other_ways() -> None:
    auth = {**KEY, "workloadIdentity": {"serviceAccountRef": {"name": "app"}}}
    assert Case().generate(auth)["password"] == f"canary-{EMAIL}"


@pytest.mark.parametrize(
    ("key", "error"),
    [
        ("canary", InvalidSpecError),
        ('{"type":"external_account","canary":1}', InvalidSpecError),
        ('{"type":"service_account","client_email":"e","private_key":"canary"}', InvalidSpecError),
        ('{"type":"service_account","private_key":"canary"}', InvalidSpecError),
        (
            '{"type":"authorized_user","client_id":"i","client_secret":"s","refresh_token":"canary-x"}',
            AccessDeniedError,
        ),
    ],
)
def test_key_that_cannot_be_used(key: str, error: type[EsoError]) -> None:
    with pytest.raises(error) as caught:
        Case(lambda google: key).generate(KEY)
    assert "canary" not in repr(caught.value)


@pytest.mark.parametrize(
    ("account", "password", "seconds"), [("app", f"canary-as-{EMAIL}", 3600), ("plain", "canary-federated", 3600)]
)
def test_workload_identity_takes_missing_parts_from_the_metadata_server(
    account: str, password: str, seconds: int
) -> None:
    case = Case()
    auth = {"workloadIdentity": {"serviceAccountRef": {"name": account, "audiences": ["more"]}}}
    assert case.generate(auth) == login(password, seconds)
    assert case.bench.requested == [(account, ("p.svc.id.goog", "more"))]
    assert case.google.audiences == [f"identitynamespace:p.svc.id.goog:{CLUSTER}"]


def test_workload_identity_of_another_project() -> None:
    case = Case()
    auth = {
        "workloadIdentity": {
            "serviceAccountRef": {"name": "plain"},
            "clusterLocation": "us",
            "clusterName": "d",
            "clusterProjectID": "q",
        }
    }
    case.generate(auth)
    assert case.bench.requested == [("plain", ("q.svc.id.goog",))]
    assert case.google.audiences[0].endswith("projects/q/locations/us/clusters/d")


@pytest.mark.parametrize(
    ("changes", "password"),
    [
        ({}, f"canary-as-{EMAIL}"),
        ({"gcpServiceAccountEmail": "other@p.iam.gserviceaccount.com"}, "canary-as-other@p.iam.gserviceaccount.com"),
    ],
)
def test_federation(changes: dict[str, Any], password: str) -> None:
    case = Case()
    auth = {
        "workloadIdentityFederation": {
            "audience": "//iam.googleapis.com/pool",
            "serviceAccountRef": {"name": "app", "audiences": ["a"]},
            **changes,
        }
    }
    assert case.generate(auth)["password"] == password
    assert case.google.audiences == ["//iam.googleapis.com/pool"]
    assert case.bench.requested == [("app", ("a",))]


@pytest.mark.parametrize("federation", [{"audience": "a"}, {"serviceAccountRef": {"name": "app"}}])
def test_federation_incomplete(federation: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpecError):
        Case().generate({"workloadIdentityFederation": federation})


def test_machine() -> None:
    assert Case().generate({}) == login("canary-machine", 60)


def test_application_default_credentials(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text('{"type":"authorized_user","client_id":"i","client_secret":"s","refresh_token":"canary-refresh"}')
    case = Case()
    case.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(file)
    assert case.generate({}) == login("canary-user", 1800)


def test_no_metadata_server() -> None:
    case = Case()
    case.environ["GCE_METADATA_HOST"] = "127.0.0.1:1"
    with pytest.raises(UnavailableError, match=r"spec\.auth"):
        case.generate({})
