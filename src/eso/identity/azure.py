"""Which Azure identity a store or a generator means: clouds, applications, workload identity. It needs no SDK and asks no Azure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from eso.api.meta_v1 import SecretKeySelector, ServiceAccountSelector
from eso.errors import InvalidSpecError, ProviderError
from eso.identity.context import CredentialContext
from eso.values import SecretValue

__all__ = ["CLOUDS", "Application", "AzureSignIn", "Cloud", "ManagedIdentity", "principal_of"]

AUDIENCE: Final = "api://AzureADTokenExchange"
CLIENT_ID: Final = "azure.workload.identity/client-id"
TENANT_ID: Final = "azure.workload.identity/tenant-id"
_AMBIENT: Final = ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE")


@dataclass(frozen=True, slots=True)
class Cloud:
    """Endpoints of one Azure cloud.

    Attributes:
        authority: where identities sign in.
        vault: resource that tokens for key vaults are asked for.
    """

    authority: str
    vault: str


CLOUDS: Final[Mapping[str, Cloud]] = MappingProxyType(
    {
        "PublicCloud": Cloud("https://login.microsoftonline.com", "https://vault.azure.net"),
        "USGovernmentCloud": Cloud("https://login.microsoftonline.us", "https://vault.usgovcloudapi.net"),
        "ChinaCloud": Cloud("https://login.chinacloudapi.cn", "https://vault.azure.cn"),
        "GermanCloud": Cloud("https://login.microsoftonline.de", "https://vault.microsoftazure.de"),
    }
)
"""Source: the environments of Azure's go-autorest. An Azure Stack names its own authority."""


@dataclass(frozen=True, slots=True)
class AzureSignIn:
    """How to sign in, in the words of a spec.

    Attributes:
        auth_type: `ServicePrincipal`, `ManagedIdentity` or `WorkloadIdentity`.
        tenant_id: of the spec; empty when absent.
        identity_id: client id of a user-assigned managed identity.
        annotations_only: a ServiceAccount's annotation is the only place of the client id, and a spec's tenant wins over the
            annotation instead of contradicting it.
    """

    auth_type: str
    tenant_id: str = ""
    identity_id: str = ""
    client_id_ref: SecretKeySelector | None = None
    tenant_id_ref: SecretKeySelector | None = None
    client_secret_ref: SecretKeySelector | None = None
    client_certificate_ref: SecretKeySelector | None = None
    has_secret_ref: bool = False
    service_account_ref: ServiceAccountSelector | None = None
    annotations_only: bool = False


@dataclass(frozen=True, slots=True)
class Application:
    """An application of Entra; exactly one of the three proofs is set.

    Attributes:
        certificate: PEM of certificate and RSA key.
        assertion: makes a federated token, anew for every sign-in.
    """

    tenant_id: str
    client_id: str
    secret: SecretValue | None = None
    certificate: SecretValue | None = None
    assertion: Callable[[], Awaitable[SecretValue]] | None = None


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """The identity of the machine; `client_id` is empty for the only one it has."""

    client_id: str = ""


async def principal_of(
    sign_in: AzureSignIn, context: CredentialContext, environ: Mapping[str, str]
) -> Application | ManagedIdentity:
    """The identity a spec describes, with its credentials read from the cluster.

    Args:
        sign_in: the spec.
        context: reads Secrets and ServiceAccounts.
        environ: where the operator's own workload identity is described.

    Raises:
        InvalidSpecError: the spec is incomplete or contradicts itself.
        ReferenceNotFoundError: a Secret or ServiceAccount is missing.
    """
    match sign_in.auth_type:
        case "ManagedIdentity":
            return ManagedIdentity(sign_in.identity_id)
        case "WorkloadIdentity":
            account = sign_in.service_account_ref
            if account is None:
                return _ambient(environ)
            return await _by_service_account(sign_in, account, context, environ)
        case "ServicePrincipal":
            return await _service_principal(sign_in, context)
    raise InvalidSpecError(f"authType {sign_in.auth_type!r} is not supported")


async def _service_principal(sign_in: AzureSignIn, context: CredentialContext) -> Application:
    if not sign_in.tenant_id:
        raise InvalidSpecError("tenantId must be set for a service principal")
    if not sign_in.has_secret_ref:
        raise InvalidSpecError("authSecretRef must be set for a service principal")
    if sign_in.client_id_ref is None:
        raise InvalidSpecError("authSecretRef.clientId must be set")
    secret_ref, certificate_ref = sign_in.client_secret_ref, sign_in.client_certificate_ref
    if (secret_ref is None) == (certificate_ref is None):
        raise InvalidSpecError(
            "exactly one of authSecretRef.clientSecret and authSecretRef.clientCertificate must be set"
        )
    client_id = await _text(context, sign_in.client_id_ref, "authSecretRef.clientId")
    if secret_ref is not None:
        secret = await _text(context, secret_ref, "authSecretRef.clientSecret")
        return Application(sign_in.tenant_id, client_id, secret=SecretValue(secret))
    assert certificate_ref is not None
    return Application(sign_in.tenant_id, client_id, certificate=await context.resolve(certificate_ref))


async def _text(context: CredentialContext, ref: SecretKeySelector, field: str) -> str:
    found = (await context.resolve(ref)).utf8()
    if found is None:
        raise InvalidSpecError(f'{field} must be text: key "{ref.key}" of secret "{ref.name}" is not UTF-8')
    return found


def _ambient(environ: Mapping[str, str]) -> Application:
    client_id, tenant, file = (environ.get(name, "") for name in _AMBIENT)
    if not (client_id and tenant and file):
        raise InvalidSpecError(f"the operator has no workload identity: {', '.join(_AMBIENT)} must be set")

    async def read() -> SecretValue:
        try:
            return SecretValue((await asyncio.to_thread(Path(file).read_bytes)).strip())
        except OSError as err:
            raise ProviderError(f"AZURE_FEDERATED_TOKEN_FILE cannot be read: {err.strerror}") from err

    return Application(tenant, client_id, assertion=read)


async def _by_service_account(
    sign_in: AzureSignIn, ref: ServiceAccountSelector, context: CredentialContext, environ: Mapping[str, str]
) -> Application:
    annotations = await context.service_account_annotations(ref)
    client_id = await _federated_client(sign_in, ref.name, annotations.get(CLIENT_ID, ""), context)
    tenant = await _federated_tenant(sign_in, annotations.get(TENANT_ID, ""), context, environ)
    # The audience comes first, as upstream sends it.
    bare, audiences = ref.model_copy(update={"audiences": None}), (AUDIENCE, *(ref.audiences or ()))
    return Application(tenant, client_id, assertion=lambda: context.service_account_token(bare, audiences))


async def _federated_client(sign_in: AzureSignIn, account: str, annotated: str, context: CredentialContext) -> str:
    explicit = ""
    if sign_in.has_secret_ref and not sign_in.annotations_only:
        if sign_in.client_id_ref is None:
            raise InvalidSpecError("authSecretRef.clientId must be set where authSecretRef is")
        explicit = await _text(context, sign_in.client_id_ref, "authSecretRef.clientId")
    if explicit and annotated:
        raise InvalidSpecError(f"the client id is given twice: by authSecretRef.clientId and by annotation {CLIENT_ID}")
    if not explicit and not annotated:
        raise InvalidSpecError(f'service account "{account}" must carry the annotation {CLIENT_ID}')
    return explicit or annotated


async def _federated_tenant(
    sign_in: AzureSignIn, annotated: str, context: CredentialContext, environ: Mapping[str, str]
) -> str:
    explicit = sign_in.tenant_id
    if not sign_in.annotations_only:
        if sign_in.tenant_id_ref is not None:
            explicit = await _text(context, sign_in.tenant_id_ref, "authSecretRef.tenantId") or explicit
        if explicit and annotated:
            raise InvalidSpecError(f"the tenant id is given twice: by the store and by annotation {TENANT_ID}")
    tenant = explicit or annotated
    if not tenant and not sign_in.annotations_only:
        tenant = environ.get("AZURE_TENANT_ID", "")
    if not tenant:
        raise InvalidSpecError(
            f"the tenant id is missing: the service account must carry the annotation {TENANT_ID}, or a store have tenantId"
        )
    return tenant
