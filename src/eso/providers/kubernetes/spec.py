"""The configuration under `spec.provider.kubernetes` of a store."""

from __future__ import annotations

from eso.api.identity_v1 import KubernetesAuth, KubernetesServer
from eso.api.meta_v1 import NamespaceName, SecretKeySelector
from reconcile.api.model import Model

__all__ = ["KubernetesSpec"]


class KubernetesSpec(Model):
    """An API server, a namespace there, and how to sign in: `auth`, or a kubeconfig by `auth_ref`."""

    auth: KubernetesAuth | None = None
    auth_ref: SecretKeySelector | None = None
    remote_namespace: NamespaceName = "default"
    server: KubernetesServer | None = None
