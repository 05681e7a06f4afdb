"""The configuration under `spec.provider.aws` of a store."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from eso.api.identity_v1 import AWSAuth
from eso.api.meta_v1 import Int64
from reconcile.api.model import Model
from reconcile.schema import AS_STORED, cel

__all__ = ["AWSSpec", "SecretsManager", "Tag"]


class SecretsManager(Model):
    """How Secrets Manager deletes: at once, or after a recovery window in days."""

    force_delete_without_recovery: bool | None = None
    recovery_window_in_days: Int64 | None = None


class Tag(Model):
    """A tag of the assumed session."""

    key: str
    value: str


class AWSSpec(Model):
    """One AWS service in one region, and the identity to use it with."""

    region: str
    service: Annotated[Literal["SecretsManager", "ParameterStore", "CertificateManager"], AS_STORED]
    additional_roles: list[str] | None = None
    auth: AWSAuth | None = None
    custom_session_tags: (
        Annotated[
            dict[str, str],
            cel(
                "!('esoNamespace' in self) && !('esoStoreName' in self) && !('esoStoreKind' in self)",
                "customSessionTags cannot contain automatically injected reserved keys: esoNamespace, esoStoreName, esoStoreKind",
            ),
        ]
        | None
    ) = None
    external_id: str | None = Field(default=None, alias="externalID")
    prefix: str | None = None
    role: str | None = None
    secrets_manager: SecretsManager | None = None
    session_tags: list[Tag] | None = None
    session_tags_policy: Annotated[Literal["None", "Simple", "Custom"], AS_STORED] = "None"
    transitive_tag_keys: list[str] | None = None
