"""Secrets Manager: the requests of the provider, with answers as values."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from eso.errors import NoSecretError, ProviderError
from eso.identity.aws import AWSClient
from eso.identity.aws.errors import code_of, error_for_code, error_of, message_of
from eso.providers.aws.batching import BatchedReads
from eso.providers.base import ProviderCalls
from eso.providers.http import pages
from eso.values import SecretValue

__all__ = ["Described", "Filter", "SecretsManagerAPI"]

Filter = Mapping[str, Any]

_BATCH: Final = 20
"""Secrets in a BatchGetSecretValue. Source: the API reference."""

_PAGE: Final = 100
_INVALID: Final = frozenset(("InvalidRequestException", "InvalidParameterException"))
# AWS has no code of its own for a secret that waits for its deletion; these are the two texts it answers with.
_DELETED: Final = ("marked for deletion", "currently marked deleted")
CURRENT: Final = "AWSCURRENT"


@dataclass(frozen=True, slots=True)
class Described:
    """What DescribeSecret tells."""

    arn: str
    tags: Mapping[str, str]
    has_versions: bool
    deleted: bool
    kms_key: str | None
    replica_regions: Sequence[str] = field(default=())


class SecretsManagerAPI:
    """The requests.

    Args:
        client: of the service.
        calls: the metered way to it.
    """

    def __init__(self, client: AWSClient, calls: ProviderCalls) -> None:
        self._client = client
        self._calls = calls
        self._current = BatchedReads(
            calls,
            one_call="GetSecretValue",
            many_call="BatchGetSecretValue",
            limit=_BATCH,
            fetch_one=lambda key: self._get(key, {"VersionStage": CURRENT}),
            fetch_many=self._get_many,
        )

    async def value(self, key: str, version: str = "") -> SecretValue:
        """A secret's value.

        Args:
            key: name or ARN.
            version: a stage, or `uuid/` and a version id; empty for AWSCURRENT.

        Raises:
            NoSecretError: there is none, or it is marked for deletion.
        """
        if version in ("", CURRENT):
            return await self._current.read(key)
        identifier = version.removeprefix("uuid/")
        which = {"VersionStage": version} if identifier == version else {"VersionId": identifier}
        return await self._calls.read("GetSecretValue", (key, version), lambda: self._get(key, which))

    async def describe(self, key: str) -> Described:
        """Tags, versions and replicas of a secret.

        Raises:
            NoSecretError: there is none.
        """
        answer = await self._calls.read(
            "DescribeSecret",
            key,
            lambda: self._client.call("describe_secret", f"describing secret {key}", SecretId=key),
        )
        return Described(
            arn=answer.get("ARN", key),
            tags={tag["Key"]: tag.get("Value", "") for tag in answer.get("Tags") or ()},
            has_versions=bool(answer.get("VersionIdsToStages")),
            deleted=answer.get("DeletedDate") is not None,
            kms_key=answer.get("KmsKeyId"),
            replica_regions=tuple(entry["Region"] for entry in answer.get("ReplicationStatus") or ()),
        )

    def names(self, filters: Sequence[Filter]) -> AsyncIterator[str]:
        """Names of the secrets that match every filter."""

        async def fetch(token: str) -> tuple[list[str], str]:
            answer = await self._calls.read(
                "ListSecrets",
                (_hashable(filters), token),
                lambda: self._client.call(
                    "list_secrets",
                    "listing secrets",
                    Filters=list(filters) or None,
                    MaxResults=_PAGE,
                    NextToken=token or None,
                ),
            )
            return [entry["Name"] for entry in answer.get("SecretList") or ()], answer.get("NextToken") or ""

        return pages(fetch)

    def values(self, filters: Sequence[Filter]) -> AsyncIterator[tuple[str, SecretValue]]:
        """Names and values of the secrets that match every filter; those that cannot be read are left out."""

        async def fetch(token: str) -> tuple[list[tuple[str, SecretValue]], str]:
            answer = await self._calls.read(
                "BatchGetSecretValue",
                (_hashable(filters), token),
                lambda: self._client.call(
                    "batch_get_secret_value",
                    "finding secrets",
                    Filters=list(filters),
                    MaxResults=_BATCH,
                    NextToken=token or None,
                ),
            )
            entries = answer.get("SecretValues") or ()
            found = [(entry["Name"], _value(entry)) for entry in entries]
            return [(name, value) for name, value in found if value is not None], answer.get("NextToken") or ""

        return pages(fetch)

    async def policy(self, key: str) -> str:
        """The resource policy; empty when there is none."""
        answer = await self._calls.read(
            "GetResourcePolicy",
            key,
            lambda: self._client.call("get_resource_policy", f"reading the policy of secret {key}", SecretId=key),
        )
        return answer.get("ResourcePolicy") or ""

    async def change(self, call: str, operation: str, key: str, **parameters: Any) -> dict[str, Any]:
        """A request that changes something.

        Args:
            call: metric label, which is AWS's name of the operation.
            operation: the SDK's name of it.
            key: of the secret, for messages.
            parameters: of the request.
        """
        return await self._calls.write(
            call, lambda: self._client.call(operation, f"{call} for secret {key}", **parameters)
        )

    async def _get(self, key: str, which: Mapping[str, str]) -> SecretValue:
        what = f"reading secret {key}"
        try:
            answer = await self._client.request("get_secret_value", what, SecretId=key, **which)
        except (ClientError, BotoCoreError) as err:
            raise _read_error(code_of(err), message_of(err), what) or error_of(err, what) from None
        found = _value(answer)
        if found is None:
            raise ProviderError(f"{what}: it holds neither a string nor binary data")
        return found

    async def _get_many(self, keys: Sequence[str]) -> Mapping[str, SecretValue | Exception]:
        answer = await self._client.call("batch_get_secret_value", "reading secrets", SecretIdList=list(keys))
        found: dict[str, SecretValue | Exception] = {}
        for entry in answer.get("SecretValues") or ():
            value = _value(entry)
            if value is not None:
                found.update({name: value for name in (entry.get("Name"), entry.get("ARN")) if name in keys})
        for entry in answer.get("Errors") or ():
            key, code = entry.get("SecretId", ""), str(entry.get("ErrorCode", ""))
            what = f"reading secret {key}"
            found[key] = _read_error(code, entry.get("Message", ""), what) or error_for_code(code, what)
        return found


def _read_error(code: str, message: str, what: str) -> ProviderError | None:
    if code in _INVALID and any(text in message for text in _DELETED):
        return NoSecretError(f"{what}: it is marked for deletion")
    return None


def _value(entry: Mapping[str, Any]) -> SecretValue | None:
    found = entry.get("SecretString")
    if found is None:
        found = entry.get("SecretBinary")
    return SecretValue(found) if isinstance(found, (str, bytes)) else None


def _hashable(filters: Sequence[Filter]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((item["Key"], tuple(item["Values"])) for item in filters)
