"""SSHKey: SSH key pairs."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from eso.api.generators_v1alpha1.resource import generator_resource
from reconcile.api.model import KubeObject, Model, Resource
from reconcile.schema import AS_STORED, value_range

__all__ = ["SSHKey", "SSHKeySpec"]


class SSHKeySpec(Model):
    """Type, size in bits and comment of the key."""

    key_type: Annotated[Literal["rsa", "ecdsa", "ed25519"], AS_STORED] = "rsa"
    key_size: Annotated[int, value_range(256, 8192)] | None = None
    comment: str | None = None


class SSHKey(KubeObject):
    """An SSH key pair."""

    resource: ClassVar[Resource] = generator_resource("SSHKey", "sshkeys")

    spec: SSHKeySpec = Field(default_factory=SSHKeySpec)
