"""Which path of the webhook validates which kind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.providers.registry import ProviderRegistry
from eso.webhook.externalsecret import validate_external_secret
from eso.webhook.secretstore import StoreValidation
from reconcile.api.model import KubeObject
from reconcile.webhook.admission import Admission, AdmissionWebhook, DeniedError, validate_path, validating

__all__ = ["webhooks"]

K = TypeVar("K", bound=KubeObject)
_Check = Callable[[K], Awaitable[Sequence[str]]]


def webhooks(registry: ProviderRegistry) -> dict[str, AdmissionWebhook]:
    """Path -> the webhook that answers there, for every kind that is validated.

    Args:
        registry: where the providers of stores are found.
    """
    stores = StoreValidation(registry)
    return {
        validate_path(ExternalSecret): _webhook(ExternalSecret, validate_external_secret),
        validate_path(SecretStore): _webhook(SecretStore, stores.validate),
        validate_path(ClusterSecretStore): _webhook(ClusterSecretStore, stores.validate),
    }


def _webhook(kind: type[K], check: _Check[K]) -> AdmissionWebhook:
    async def validate(admission: Admission[K]) -> Sequence[str]:
        if admission.operation not in ("CREATE", "UPDATE"):
            return ()
        if admission.object is None:
            raise DeniedError("the request holds no object", code=400)
        if admission.object.metadata.deleting:
            return ()  # otherwise an object that was stored before a rule existed could never lose its finalizer
        return await check(admission.object)

    return validating(kind, validate)
