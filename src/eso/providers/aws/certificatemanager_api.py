"""Certificate Manager and the tagging API: the requests of the provider, with answers as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eso.identity.aws import AWSClient
from eso.providers.base import ProviderCalls
from eso.providers.http import pages

__all__ = ["CertificateManagerAPI", "Exported"]


@dataclass(frozen=True, slots=True)
class Exported:
    """A certificate with its encrypted key, all PEM."""

    leaf: str
    chain: str
    key: str = field(repr=False)


class CertificateManagerAPI:
    """The requests.

    Args:
        client: of Certificate Manager.
        tagging: of the Resource Groups Tagging API.
        calls: the metered way to both.
    """

    def __init__(self, client: AWSClient, tagging: AWSClient, calls: ProviderCalls) -> None:
        self._client = client
        self._tagging = tagging
        self._calls = calls

    async def certificate(self, arn: str) -> tuple[str, str]:
        """Leaf and chain as PEM.

        Raises:
            NoSecretError: there is no such certificate.
        """
        answer = await self._read("GetCertificate", "get_certificate", f"reading certificate {arn}", arn)
        return answer.get("Certificate") or "", answer.get("CertificateChain") or ""

    async def may_be_exported(self, arn: str) -> bool:
        """Whether export is enabled for it.

        Raises:
            NoSecretError: there is no such certificate.
        """
        answer = await self._read("DescribeCertificate", "describe_certificate", f"describing certificate {arn}", arn)
        options = (answer.get("Certificate") or {}).get("Options") or {}
        return bool(options.get("Export") == "ENABLED")

    async def export(self, arn: str, passphrase: bytes) -> Exported:
        """The certificate with its key, encrypted with the passphrase."""
        answer = await self._calls.write(
            "ExportCertificate",
            lambda: self._client.call(
                "export_certificate", f"exporting certificate {arn}", CertificateArn=arn, Passphrase=passphrase
            ),
        )
        return Exported(
            answer.get("Certificate") or "", answer.get("CertificateChain") or "", answer.get("PrivateKey") or ""
        )

    async def import_(
        self, leaf: bytes, chain: bytes, key: bytes, *, arn: str | None = None, tags: Mapping[str, str] | None = None
    ) -> str:
        """Import a certificate; answers with its ARN.

        Args:
            leaf: PEM.
            chain: PEM; empty for none.
            key: PEM.
            arn: of the certificate to replace; None makes a new one.
            tags: of a new one.

        Raises:
            NoSecretError: `arn` is gone.
        """
        answer = await self._calls.write(
            "ImportCertificate",
            lambda: self._client.call(
                "import_certificate",
                f"importing certificate {arn or ''}".rstrip(),
                Certificate=leaf,
                PrivateKey=key,
                CertificateChain=chain or None,
                CertificateArn=arn,
                Tags=_aws_tags(tags) if tags else None,
            ),
        )
        return str(answer["CertificateArn"])

    async def delete(self, arn: str) -> None:
        """Delete a certificate."""
        await self._write("DeleteCertificate", "delete_certificate", f"deleting certificate {arn}", arn)

    async def tags(self, arn: str) -> dict[str, str]:
        """The tags of a certificate.

        Raises:
            NoSecretError: there is no such certificate.
        """
        what = f"reading the tags of certificate {arn}"
        answer = await self._read("ListTagsForCertificate", "list_tags_for_certificate", what, arn)
        return {tag["Key"]: tag.get("Value", "") for tag in answer.get("Tags") or ()}

    async def change_tags(
        self, arn: str, present: Mapping[str, str], changed: Mapping[str, str], removed: Sequence[str]
    ) -> None:
        """Remove tags, then set others."""
        what = f"changing the tags of certificate {arn}"
        if removed:
            gone = _aws_tags({key: present[key] for key in removed})
            await self._write("RemoveTagsFromCertificate", "remove_tags_from_certificate", what, arn, Tags=gone)
        if changed:
            await self._write("AddTagsToCertificate", "add_tags_to_certificate", what, arn, Tags=_aws_tags(changed))

    async def with_tags(self, tags: Mapping[str, str]) -> list[str]:
        """ARNs of the certificates that have all the tags."""
        filters = [{"Key": key, "Values": [value]} for key, value in tags.items()]

        async def fetch(token: str) -> tuple[list[str], str]:
            answer = await self._calls.read(
                "GetResources",
                (tuple(sorted(tags.items())), token),
                lambda: self._tagging.call(
                    "get_resources",
                    "looking for a certificate by its tags",
                    TagFilters=filters,
                    ResourceTypeFilters=["acm:certificate"],
                    PaginationToken=token or None,
                ),
            )
            found = [entry["ResourceARN"] for entry in answer.get("ResourceTagMappingList") or ()]
            return found, answer.get("PaginationToken") or ""

        return [arn async for arn in pages(fetch)]

    async def _read(self, call: str, operation: str, what: str, arn: str) -> dict[str, Any]:
        return await self._calls.read(call, arn, lambda: self._client.call(operation, what, CertificateArn=arn))

    async def _write(self, call: str, operation: str, what: str, arn: str, **parameters: Any) -> None:
        await self._calls.write(call, lambda: self._client.call(operation, what, CertificateArn=arn, **parameters))


def _aws_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
