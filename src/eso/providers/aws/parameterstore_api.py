"""Systems Manager Parameter Store: the requests of the provider, with answers as values."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from eso.errors import NoSecretError, ProviderError
from eso.identity.aws import AWSClient
from eso.providers.aws.batching import BatchedReads
from eso.providers.base import ProviderCalls
from eso.providers.http import pages
from eso.values import SecretValue

__all__ = ["ParameterStoreAPI"]

_BATCH: Final = 10
"""Parameters in a GetParameters, and in a page of GetParametersByPath. Source: the API reference."""

_PAGE: Final = 50
_PARAMETER: Final = "Parameter"


class ParameterStoreAPI:
    """The requests.

    Args:
        client: of the service.
        calls: the metered way to it.
    """

    def __init__(self, client: AWSClient, calls: ProviderCalls) -> None:
        self._client = client
        self._calls = calls
        self._plain = BatchedReads(
            calls,
            one_call="GetParameter",
            many_call="GetParameters",
            limit=_BATCH,
            fetch_one=self._get,
            fetch_many=self._get_many,
        )

    async def value(self, name: str, version: str = "") -> SecretValue:
        """A parameter's value, decrypted.

        Args:
            name: name or ARN.
            version: number or label; empty for the latest.

        Raises:
            NoSecretError: there is none.
        """
        # An ARN comes back as a name, and a version apart from it: only plain names are found again in a batch's answer.
        if not version and not name.startswith("arn:") and ":" not in name:
            return await self._plain.read(name)
        full = _versioned(name, version)
        return await self._calls.read("GetParameter", full, lambda: self._get(full))

    async def exists(self, name: str) -> bool:
        """Whether there is such a parameter; nothing is decrypted for it."""

        async def fetch() -> None:
            what = f"looking for parameter {name}"
            await self._client.call("get_parameter", what, Name=name, WithDecryption=False)

        try:
            await self._calls.read("GetParameter", (name, "encrypted"), fetch)
        except NoSecretError:
            return False
        return True

    async def tags(self, name: str, version: str = "") -> dict[str, str]:
        """The tags of a parameter.

        Raises:
            NoSecretError: there is none.
        """
        full = _versioned(name, version)
        answer = await self._calls.read(
            "ListTagsForResource",
            full,
            lambda: self._client.call(
                "list_tags_for_resource",
                f"reading the tags of parameter {full}",
                ResourceType=_PARAMETER,
                ResourceId=full,
            ),
        )
        return {tag["Key"]: tag["Value"] for tag in answer.get("TagList") or ()}

    def by_path(self, path: str) -> AsyncIterator[tuple[str, SecretValue]]:
        """Names and values of everything below a path."""

        async def fetch(token: str) -> tuple[list[tuple[str, SecretValue]], str]:
            answer = await self._calls.read(
                "GetParametersByPath",
                (path, token),
                lambda: self._client.call(
                    "get_parameters_by_path",
                    f"reading parameters below {path}",
                    Path=path,
                    Recursive=True,
                    WithDecryption=True,
                    MaxResults=_BATCH,
                    NextToken=token or None,
                ),
            )
            found = [(entry["Name"], entry.get("Value")) for entry in answer.get("Parameters") or ()]
            values = [(name, SecretValue(value)) for name, value in found if isinstance(value, str)]
            return values, answer.get("NextToken") or ""

        return pages(fetch)

    def names(self, path: str | None, tags: Mapping[str, str]) -> AsyncIterator[str]:
        """Names of the parameters below a path that have all the tags."""
        filters: list[dict[str, Any]] = [
            {"Key": f"tag:{key}", "Option": "Equals", "Values": [value]} for key, value in tags.items()
        ]
        if path:
            filters.append({"Key": "Path", "Option": "Recursive", "Values": [path]})

        async def fetch(token: str) -> tuple[list[str], str]:
            answer = await self._calls.read(
                "DescribeParameter",
                (path, tuple(sorted(tags.items())), token),
                lambda: self._client.call(
                    "describe_parameters",
                    "listing parameters",
                    ParameterFilters=filters or None,
                    MaxResults=_PAGE,
                    NextToken=token or None,
                ),
            )
            return [entry["Name"] for entry in answer.get("Parameters") or ()], answer.get("NextToken") or ""

        return pages(fetch)

    async def change(self, call: str, operation: str, name: str, **parameters: Any) -> None:
        """A request that changes something; see `SecretsManagerAPI.change`."""
        await self._calls.write(
            call, lambda: self._client.call(operation, f"{call} for parameter {name}", **parameters)
        )

    async def change_tags(self, name: str, changed: Mapping[str, str], removed: Sequence[str]) -> None:
        """Remove tags, then set others."""
        resource = {"ResourceType": _PARAMETER, "ResourceId": name}
        if removed:
            await self.change(
                "RemoveTagsFromResource", "remove_tags_from_resource", name, TagKeys=list(removed), **resource
            )
        if changed:
            tags = [{"Key": key, "Value": value} for key, value in changed.items()]
            await self.change("AddTagsToResource", "add_tags_to_resource", name, Tags=tags, **resource)

    async def _get(self, full: str) -> SecretValue:
        what = f"reading parameter {full}"
        answer = await self._client.call("get_parameter", what, Name=full, WithDecryption=True)
        value = (answer.get("Parameter") or {}).get("Value")
        if not isinstance(value, str):
            raise ProviderError(f"{what}: it has no value")
        return SecretValue(value)

    async def _get_many(self, names: Sequence[str]) -> Mapping[str, SecretValue | Exception]:
        answer = await self._client.call("get_parameters", "reading parameters", Names=list(names), WithDecryption=True)
        found: dict[str, SecretValue | Exception] = {
            name: NoSecretError(f"reading parameter {name}: AWS answered ParameterNotFound")
            for name in answer.get("InvalidParameters") or ()
        }
        for entry in answer.get("Parameters") or ():
            if isinstance(entry.get("Value"), str):
                found[entry["Name"]] = SecretValue(entry["Value"])
        return found


def _versioned(name: str, version: str) -> str:
    return f"{name}:{version}" if version else name
