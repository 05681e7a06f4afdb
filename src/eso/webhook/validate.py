"""Which path of the webhook validates which kind, and how a request becomes an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.providers.registry import ProviderRegistry, invalid_fields
from eso.webhook.externalsecret import validate_external_secret
from eso.webhook.secretstore import StoreValidation
from eso.webhook.verdict import ALLOWED, Verdict, undecodable
from reconcile.api.admission_v1 import AdmissionRequest, AdmissionResponse
from reconcile.api.model import KubeObject

__all__ = ["PATHS", "Handler", "handlers"]

Handler = Callable[[AdmissionRequest], Awaitable[AdmissionResponse]]
"""Answers one admission request."""

K = TypeVar("K", bound=KubeObject)

PATHS: Final[Mapping[type[KubeObject], str]] = {
    kind: f"/validate-external-secrets-io-v1-{kind.resource.kind.lower()}"
    for kind in (ExternalSecret, SecretStore, ClusterSecretStore)
}
"""Kind -> path of its validation, as webhook configurations name it."""


def handlers(registry: ProviderRegistry) -> dict[str, Handler]:
    """Path -> what answers there.

    Args:
        registry: where the providers of stores are found.
    """
    stores = StoreValidation(registry)
    return {
        PATHS[ExternalSecret]: _handler(ExternalSecret, validate_external_secret),
        PATHS[SecretStore]: _handler(SecretStore, stores.validate),
        PATHS[ClusterSecretStore]: _handler(ClusterSecretStore, stores.validate),
    }


def _handler(kind: type[K], validate: Callable[[K], Awaitable[Verdict]]) -> Handler:
    async def answer(request: AdmissionRequest) -> AdmissionResponse:
        return (await _judge(request)).to_response(request.uid)

    async def _judge(request: AdmissionRequest) -> Verdict:
        if request.operation not in ("CREATE", "UPDATE"):
            return ALLOWED
        if request.object is None:
            return undecodable("the request holds no object")
        if _being_deleted(request.object):
            return ALLOWED  # otherwise an object that was stored before a rule existed could never lose its finalizer
        try:
            subject = kind.from_wire(request.object)
        except ValidationError as err:
            return undecodable(f"{kind.resource.kind}: {invalid_fields(err)}")
        return await validate(subject)

    return answer


def _being_deleted(body: Mapping[str, Any]) -> bool:
    metadata = body.get("metadata")
    return isinstance(metadata, Mapping) and bool(metadata.get("deletionTimestamp"))
