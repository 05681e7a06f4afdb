"""BeyondtrustWorkloadCredentialsDynamicSecret: credentials that BeyondTrust Workload Credentials makes on demand."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from eso.api.generators_v1alpha1.resource import generator_resource
from eso.api.meta_v1 import RetrySettings
from reconcile.api.model import KubeObject, Model, Resource
from reconcile.schema import slot

__all__ = ["BeyondtrustWorkloadCredentialsDynamicSecret", "BeyondtrustWorkloadCredentialsDynamicSecretSpec"]


class BeyondtrustWorkloadCredentialsDynamicSecretSpec(Model):
    """The dynamic secret and the site that makes it.

    `provider` stands as it is in the object; the model of the beyondtrustworkloadcredentials provider reads it.
    """

    provider: Annotated[dict[str, Any], slot("beyondtrustworkloadcredentials")]
    controller: str | None = None
    retry_settings: RetrySettings | None = None


class BeyondtrustWorkloadCredentialsDynamicSecret(KubeObject):
    """A dynamic secret of BeyondTrust Workload Credentials."""

    resource: ClassVar[Resource] = generator_resource(
        "BeyondtrustWorkloadCredentialsDynamicSecret", "beyondtrustworkloadcredentialsdynamicsecrets"
    )

    spec: BeyondtrustWorkloadCredentialsDynamicSecretSpec | None = None
