"""VaultDynamicSecret: credentials that HashiCorp Vault makes on demand."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from eso.api.generators_v1alpha1.resource import generator_resource
from eso.api.meta_v1 import RetrySettings
from reconcile.api.model import KubeObject, Model, Resource
from reconcile.schema import AS_STORED, slot

__all__ = ["VaultDynamicSecret", "VaultDynamicSecretSpec"]


class VaultDynamicSecretSpec(Model):
    """A request to Vault and which part of the answer counts.

    Attributes:
        provider: the server and sign-in, as it stands in the object; the model of the vault provider reads it.
        method: HTTP method; GET when absent.
        parameters: JSON body of the request.
        get_parameters: query of a GET request.
        result_type: the answer's `data`, its `auth`, or all of it.
    """

    path: str
    provider: Annotated[dict[str, Any], slot("vault")]
    controller: str | None = None
    method: str | None = None
    parameters: Any = None
    get_parameters: dict[str, list[str]] | None = None
    result_type: Annotated[Literal["Data", "Auth", "Raw"], AS_STORED] = "Data"
    retry_settings: RetrySettings | None = None
    allow_empty_response: bool = False


class VaultDynamicSecret(KubeObject):
    """A dynamic secret of Vault."""

    resource: ClassVar[Resource] = generator_resource("VaultDynamicSecret", "vaultdynamicsecrets")

    spec: VaultDynamicSecretSpec | None = None
