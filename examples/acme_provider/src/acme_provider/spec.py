"""The configuration under `spec.provider.acme` of a store."""

from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model


class AcmeSpec(Model):
    """Where Acme is, and the Secret that holds the token."""

    url: str
    token: SecretKeySelector
