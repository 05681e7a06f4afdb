"""The configuration under `spec.provider.keepersecurity` of a store."""

from __future__ import annotations

from pydantic import Field

from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model

__all__ = ["KeeperSecuritySpec"]


class KeeperSecuritySpec(Model):
    """A shared folder and the device configuration of an application."""

    auth_ref: SecretKeySelector
    folder_id: str = Field(alias="folderID")
    get_by_title_fallback: bool | None = None
