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
from reconcile.api.admission_v1 import AdmissionRequest
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
        if admission.object is None:
            raise DeniedError("the request holds no object", code=400)
        return await check(admission.object)

    return validating(kind, validate, unseen=_goes, compares=False)


def _goes(request: AdmissionRequest) -> bool:
    """A deletion, or a change of what is being deleted: an object stored before a rule existed must be able to go."""
    if request.operation not in ("CREATE", "UPDATE"):
        return True
    metadata = (request.object or {}).get("metadata")
    return isinstance(metadata, dict) and bool(metadata.get("deletionTimestamp"))
