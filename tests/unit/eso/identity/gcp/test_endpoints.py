"""Universes and endpoints of Google."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eso.errors import InvalidSpecError
from eso.identity.gcp import GoogleEndpoints, universe_of
from eso.identity.gcp.endpoints import is_endpoint
from eso.identity.gcp.federation import external_account

OTHER = "s3nsapis.fr"


@pytest.mark.parametrize(
    "url",
    [
        "https://sts.googleapis.com",
        "https://sts.mtls.googleapis.com",
        "https://sts.europe-west3.rep.googleapis.com",
        "https://sts.northamerica-northeast1.rep.googleapis.com",
    ],
)
def test_endpoints(url: str) -> None:
    assert is_endpoint(url, "sts", "googleapis.com")
    assert not is_endpoint(url, "sts", OTHER)
    assert not is_endpoint(url, "iamcredentials", "googleapis.com")


@pytest.mark.parametrize(
    "url",
    [
        "http://sts.googleapis.com",
        "https://sts.googleapis.com:444",
        "https://sts.googleapis.com@evil.example",
        "https://sts.googleapis.com\n",
        "https://sts.googleapisxcom",
        "https://sts.evil.storage.googleapis.com",
        "https://sts.europe-west3.googleapis.com.evil.example",
        "https://STS.googleapis.com",
    ],
)
def test_no_endpoints(url: str) -> None:
    assert not is_endpoint(url, "sts", "googleapis.com")


def test_the_universe_is_named_by_the_operators_environment() -> None:
    assert universe_of({}) == universe_of({"GOOGLE_CLOUD_UNIVERSE_DOMAIN": ""}) == "googleapis.com"
    assert universe_of({"GOOGLE_CLOUD_UNIVERSE_DOMAIN": OTHER}) == OTHER
    for bad in ("localhost", "https://s3nsapis.fr", "evil.example/x", "a b.fr"):
        with pytest.raises(InvalidSpecError, match="GOOGLE_CLOUD_UNIVERSE_DOMAIN"):
            universe_of({"GOOGLE_CLOUD_UNIVERSE_DOMAIN": bad})


def test_everything_is_in_the_universe() -> None:
    assert GoogleEndpoints.of_universe("googleapis.com") == GoogleEndpoints()
    other = GoogleEndpoints.of_universe(OTHER)
    assert other.universe == OTHER
    for url in (other.binding, other.sts, other.iam, other.token):
        assert url.startswith("https://") and f".{OTHER}" in url


def external(**changes: Any) -> str:
    return json.dumps({"type": "external_account", "credential_source": {"file": "/t"}, **changes})


def test_configurations_of_another_universe() -> None:
    url = f"https://sts.{OTHER}/v1/token"
    iam = f"https://iamcredentials.{OTHER}/v1/projects/-/serviceAccounts/a@b:generateAccessToken"
    document = external(token_url=url, universe_domain=OTHER, service_account_impersonation_url=iam)
    assert external_account(document, "", OTHER).impersonated == "a@b"
    regional = f"https://sts.u-west1.rep.{OTHER}/v1/token"
    assert external_account(external(token_url=regional), "", OTHER).token_url == regional
    for refused in (document, external(token_url=regional)):
        with pytest.raises(InvalidSpecError):
            external_account(refused, "", "googleapis.com")
    with pytest.raises(InvalidSpecError, match="token_url"):
        external_account(external(token_url="https://sts.googleapis.com/v1/token"), "", OTHER)
