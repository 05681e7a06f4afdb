from __future__ import annotations

import subprocess
import sys
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from eso.providers.schema import PROVIDER_SPECS, provider_schema, spec_model
from reconcile.api.model import Model


def models_of(model: type[BaseModel], seen: set[type[BaseModel]]) -> None:
    seen.add(model)
    for field in model.model_fields.values():
        stack: list[Any] = [field.annotation]
        while stack:
            annotation = stack.pop()
            if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in seen:
                models_of(annotation, seen)
            stack += get_args(annotation)


@pytest.mark.parametrize("key", PROVIDER_SPECS)
def test_every_model_of_a_provider_is_a_described_value(key: str) -> None:
    found: set[type[BaseModel]] = set()
    models_of(spec_model(key), found)
    for model in found:
        assert issubclass(model, Model)
        assert model.model_config.get("frozen") is True
        assert model.__doc__, model


def test_exactly_one_provider_is_allowed() -> None:
    schema = provider_schema()
    assert (schema["minProperties"], schema["maxProperties"]) == (1, 1)
    assert set(schema["properties"]) == set(PROVIDER_SPECS)


def test_an_unknown_provider_has_no_model() -> None:
    with pytest.raises(KeyError, match="nosuch"):
        spec_model("nosuch")


def test_models_need_no_sdk() -> None:
    program = (
        "import sys; from eso.providers.schema import provider_schema; provider_schema();"
        "sdks = {'boto3', 'aioboto3', 'aiobotocore', 'botocore', 'hvac', 'azure', 'grpc', 'google.cloud', 'kubernetes_asyncio'};"
        "print(sorted(sdks & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


INLINE_SECRETS = [
    ("fake", {"data": [{"key": "k", "value": "s3cr3t"}]}),
    ("beyondtrust", {"auth": {"apiKey": {"value": "s3cr3t"}}, "server": {"apiUrl": "u", "verifyCA": True}}),
    ("scaleway", {"accessKey": {"value": "s3cr3t"}, "secretKey": {"value": "s3cr3t"}, "projectId": "p", "region": "r"}),
    ("secretserver", {"serverURL": "u", "token": {"value": "s3cr3t"}}),
    ("delinea", {"tenant": "t", "clientId": {"value": "s3cr3t"}, "clientSecret": {"value": "s3cr3t"}}),
    ("webhook", {"url": "u", "headers": {"Authorization": "s3cr3t"}, "body": "s3cr3t"}),
    ("vault", {"server": "u", "headers": {"X-Token": "s3cr3t"}}),
]


@pytest.mark.parametrize(("key", "spec"), INLINE_SECRETS)
def test_values_in_a_spec_do_not_print(key: str, spec: dict[str, Any]) -> None:
    model = spec_model(key).model_validate(spec)
    assert "s3cr3t" not in repr(model)
    assert "s3cr3t" not in str(model)


ALIASES = [
    ("aws", {"region": "r", "service": "SecretsManager", "externalID": "x"}, "external_id"),
    ("bitwardensecretsmanager", {"organizationID": "x", "projectID": "p", "auth": {"secretRef": {"credentials": {}}}}, "organization_id"),
    ("gitlab", {"auth": {"SecretRef": {}}, "groupIDs": ["x"]}, "group_ids"),
    ("github", {"appID": 1, "auth": {"privateKey": {}}, "installationID": 2, "organization": "o", "uploadURL": "x"}, "upload_url"),
    ("azurekv", {"vaultUrl": "u", "useAzureSDK": True}, "use_azure_sdk"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "spec", "name"), ALIASES)
def test_names_are_snake_case_and_aliases_exact(key: str, spec: dict[str, Any], name: str) -> None:
    model = spec_model(key).model_validate(spec)
    assert getattr(model, name)
    assert spec.items() <= model.model_dump(mode="json", by_alias=True, exclude_none=True).items()
