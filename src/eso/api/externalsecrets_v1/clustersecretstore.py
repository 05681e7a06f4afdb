"""ClusterSecretStore: how to reach one secret provider from many namespaces."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from eso.api.externalsecrets_v1.secretstore import STORE_COLUMNS, SecretStoreSpec, SecretStoreStatus
from eso.api.meta_v1 import CRD_LABELS
from reconcile.api.model import KubeObject, Resource

__all__ = ["ClusterSecretStore"]


class ClusterSecretStore(KubeObject):
    """A secret provider and the credentials for it, for every namespace its `conditions` allow."""

    resource: ClassVar[Resource] = Resource(
        group="external-secrets.io",
        version="v1",
        kind="ClusterSecretStore",
        plural="clustersecretstores",
        namespaced=False,
        short_names=("css",),
        categories=("external-secrets",),
        labels=CRD_LABELS,
        printer_columns=STORE_COLUMNS,
    )

    spec: SecretStoreSpec = Field(default_factory=SecretStoreSpec)
    status: SecretStoreStatus = Field(default_factory=SecretStoreStatus)
