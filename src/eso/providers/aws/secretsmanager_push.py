"""Writing to Secrets Manager: creation, new versions, tags, resource policy and replicas."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field

from eso.api.meta_v1 import SecretKeySelector
from eso.errors import InvalidSpecError, NoSecretError, ProviderError
from eso.identity.context import CredentialContext
from eso.providers.aws.client import MANAGED_BY, MANAGER, is_managed, tag_changes
from eso.providers.aws.secretsmanager_api import Described, SecretsManagerAPI
from eso.providers.aws.spec import SecretsManager
from eso.providers.base import PushEntry, SourceSecret
from eso.providers.common import parse_push_metadata, pushed_value
from eso.providers.writers import Writers
from eso.transform.sjson import set_string
from eso.values import SecretValue
from reconcile.api.model import Model

__all__ = ["SecretPusher"]

FIRST_VERSION: Final = "00000000-0000-0000-0000-000000000001"
"""Version id of a first value: two replicas that create at once make one version."""

_DESCRIPTION: Final = "secret 'managed-by:external-secrets'"
_KMS_KEY: Final = "alias/aws/secretsmanager"


class _PolicySource(Model):
    kind: Literal["ConfigMap", "Secret"]
    name: str
    key: str


class _ResourcePolicy(Model):
    block_public_policy: bool | None = None
    policy_source_ref: _PolicySource


class _Options(Model):
    """`spec` of the PushSecretMetadata."""

    tags: dict[str, str] = Field(default_factory=dict)
    description: str = _DESCRIPTION
    secret_push_format: str = "binary"
    kms_key_id: str = _KMS_KEY
    resource_policy: _ResourcePolicy | None = None
    replication_locations: list[str] | None = None

    @property
    def all_tags(self) -> dict[str, str]:
        """Those wanted and the one of this operator."""
        return {**self.tags, MANAGED_BY: MANAGER}


class SecretPusher:
    """Writes secrets.

    Args:
        api: the service.
        context: reads resource policies from the namespace of whoever pushes.
        deletion: how the store deletes.
    """

    def __init__(self, api: SecretsManagerAPI, context: CredentialContext, deletion: SecretsManager | None) -> None:
        self._api = api
        self._context = context
        self._deletion = deletion or SecretsManager()
        self._writers = Writers()

    async def push(self, name: str, source: SourceSecret, entry: PushEntry) -> None:
        """Make the secret hold the value.

        Raises:
            InvalidSpecError: the metadata is wrong.
            ProviderError: somebody else's secret, or a property of something that is not JSON.
        """
        options = _options(entry)
        value = pushed_value(source, entry)
        async with self._writers.writing(name):
            await self._push(name, value, source, entry, options)

    async def delete(self, name: str) -> None:
        """Delete a secret that this operator made; its replicas first."""
        async with self._writers.writing(name):
            await self._delete(name)

    async def _push(
        self, name: str, value: SecretValue, source: SourceSecret, entry: PushEntry, options: _Options
    ) -> None:
        try:
            described = await self._api.describe(name)
        except NoSecretError:
            await self._create(name, _written(b"", entry.remote.property, value), options, source)
            return
        if not is_managed(described.tags):
            raise ProviderError(f"secret {name} is not managed by external-secrets: it lacks the tag {MANAGED_BY}")
        if described.deleted:
            raise ProviderError(f"secret {name} is marked for deletion: restore it, or wait until it is gone")
        present = await self._api.value(name) if described.has_versions else None
        wanted = _written(present.reveal() if present is not None else b"", entry.remote.property, value)
        await self._sync_tags(name, described, options)
        await self._sync_policy(name, options, source)
        await self._sync_replicas(name, described, options)
        if present is None:
            await self._put(name, wanted, FIRST_VERSION, options)
        elif present != wanted:
            await self._put(name, wanted, str(uuid.uuid4()), options)

    async def _delete(self, name: str) -> None:
        try:
            described = await self._api.describe(name)
        except NoSecretError:
            return
        if described.deleted or not is_managed(described.tags):
            return
        if described.replica_regions:
            await self._remove_replicas(name, list(described.replica_regions))
        await self._api.change(
            "DeleteSecret",
            "delete_secret",
            name,
            SecretId=name,
            ForceDeleteWithoutRecovery=self._deletion.force_delete_without_recovery or None,
            RecoveryWindowInDays=self._deletion.recovery_window_in_days or None,
        )

    async def _create(self, name: str, value: SecretValue, options: _Options, source: SourceSecret) -> None:
        replicas = [
            {"Region": region, "KmsKeyId": options.kms_key_id} for region in options.replication_locations or ()
        ]
        await self._api.change(
            "CreateSecret",
            "create_secret",
            name,
            Name=name,
            ClientRequestToken=FIRST_VERSION,
            Description=options.description,
            KmsKeyId=options.kms_key_id,
            Tags=_aws_tags(options.all_tags),
            AddReplicaRegions=replicas or None,
            **_payload(value, options),
        )
        policy = await self._policy_text(options, source)
        if policy:
            await self._put_policy(name, policy, options)

    async def _put(self, name: str, value: SecretValue, token: str, options: _Options) -> None:
        await self._api.change(
            "PutSecretValue",
            "put_secret_value",
            name,
            SecretId=name,
            ClientRequestToken=token,
            **_payload(value, options),
        )

    async def _sync_tags(self, name: str, described: Described, options: _Options) -> None:
        if not options.tags:
            return
        changed, removed = tag_changes(described.tags, options.tags)
        if removed:
            await self._api.change("UntagResource", "untag_resource", name, SecretId=name, TagKeys=removed)
        if changed:
            await self._api.change("TagResource", "tag_resource", name, SecretId=name, Tags=_aws_tags(changed))

    async def _sync_policy(self, name: str, options: _Options, source: SourceSecret) -> None:
        wanted = await self._policy_text(options, source)
        if not wanted:
            try:
                await self._api.change("DeleteResourcePolicy", "delete_resource_policy", name, SecretId=name)
            except NoSecretError:
                return
            return
        try:
            present = await self._api.policy(name)
        except NoSecretError:
            present = ""
        if not _same_json(present, wanted):
            await self._put_policy(name, wanted, options)

    async def _policy_text(self, options: _Options, source: SourceSecret) -> str:
        if options.resource_policy is None:
            return ""
        ref = options.resource_policy.policy_source_ref
        namespace = source.namespace or None
        if ref.kind == "ConfigMap":
            return await self._context.read_config_map(ref.name, ref.key, namespace)
        selector = SecretKeySelector(name=ref.name, key=ref.key, namespace=namespace)
        return (await self._context.resolve(selector)).reveal_text()

    async def _put_policy(self, name: str, policy: str, options: _Options) -> None:
        block = options.resource_policy.block_public_policy if options.resource_policy is not None else None
        await self._api.change(
            "PutResourcePolicy",
            "put_resource_policy",
            name,
            SecretId=name,
            ResourcePolicy=policy,
            BlockPublicPolicy=block,
        )

    async def _sync_replicas(self, name: str, described: Described, options: _Options) -> None:
        wanted = options.replication_locations
        if wanted is None:
            return
        extra = [region for region in described.replica_regions if region not in wanted]
        if extra:
            await self._remove_replicas(name, extra)
        missing = [region for region in wanted if region not in described.replica_regions]
        if missing:
            key: dict[str, str] = {} if described.kms_key is None else {"KmsKeyId": described.kms_key}
            await self._api.change(
                "ReplicateSecretToRegions",
                "replicate_secret_to_regions",
                name,
                SecretId=name,
                AddReplicaRegions=[{"Region": region, **key} for region in missing],
            )

    async def _remove_replicas(self, name: str, regions: list[str]) -> None:
        await self._api.change(
            "RemoveRegionsFromReplication",
            "remove_regions_from_replication",
            name,
            SecretId=name,
            RemoveReplicaRegions=regions,
        )


def _options(entry: PushEntry) -> _Options:
    options = parse_push_metadata(entry.metadata, _Options) or _Options()
    if MANAGED_BY in options.tags:
        raise InvalidSpecError(f"metadata tags may not hold {MANAGED_BY}: external-secrets sets it")
    if options.secret_push_format not in ("binary", "string"):
        raise InvalidSpecError(f"metadata secretPushFormat is {options.secret_push_format}: use binary or string")
    return options


def _written(present: bytes, name: str, value: SecretValue) -> SecretValue:
    """The value itself, or the present JSON with the property set to it."""
    if not name:
        return value
    if present:
        try:
            json.loads(present)
        except ValueError:
            raise ProviderError(
                "a property can only be pushed into a secret that holds JSON: the present value is something else"
            ) from None
    try:
        return SecretValue(set_string(present, name, value.reveal()))
    except ValueError as err:
        raise InvalidSpecError(f"remoteRef.property {name}: {err}") from None


def _payload(value: SecretValue, options: _Options) -> dict[str, Any]:
    if options.secret_push_format == "binary":
        return {"SecretBinary": value.reveal()}
    try:
        return {"SecretString": value.reveal().decode()}
    except UnicodeDecodeError:
        raise InvalidSpecError("metadata secretPushFormat is string, but the value is not UTF-8: use binary") from None


def _aws_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _same_json(present: str, wanted: str) -> bool:
    try:
        return bool(json.loads(present) == json.loads(wanted))
    except ValueError:
        return present == wanted
