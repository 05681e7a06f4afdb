"""Connecting to the API server of a store (providers `kubernetes` and `crd`).

The operator's own identity is never used for reading: a store says who it is.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import yaml

from eso.api.identity_v1 import CertAuth, KubernetesAuth, KubernetesServer
from eso.api.meta_v1 import SecretKeySelector, ServiceAccountSelector
from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.identity.context import CredentialContext
from eso.providers.common import check_ca_provider, check_referent, check_strict
from eso.values import SecretValue
from reconcile.client.client import Client
from reconcile.client.config import Config
from reconcile.client.credentials import Credentials, StaticCredentials
from reconcile.client.retry import RetryPolicy
from reconcile.client.transport import OversizedError, UntrustedError
from reconcile.client.wire import MalformedError
from reconcile.errors import (
    APIError,
    BadRequestError,
    ConfigError,
    DecodeError,
    ForbiddenError,
    InvalidError,
    MethodNotAllowedError,
    NotFoundError,
    ReconcileError,
    ServerError,
    TooManyRequestsError,
    TransportError,
    UnauthorizedError,
)

__all__ = ["REQUEST_SECONDS", "check_connection", "connect", "error_of", "is_referent"]

REQUEST_SECONDS: Final = 30.0
"""Seconds for a whole request; below the API server's own 60."""

_ANSWER_LIMIT: Final = 8 << 20
"""Bytes of one object: the server is somebody else's. A real one takes requests of 3 MiB, and 1 MiB for the data of a Secret."""

_PLAIN: Final = re.compile(r"[\w .\-\[\]/()]{1,128}", re.ASCII)
_FIELDS: Final = 4
"""Fields that a message names."""

_TOKEN_TTL: Final = 3600.0
_MOST_KUBECONFIG: Final = 1 << 20


class _ServiceAccountCredentials:
    """Tokens of a ServiceAccount, renewed a minute before they end."""

    client_certificate: tuple[str, str] | None = None

    def __init__(self, context: CredentialContext, ref: ServiceAccountSelector) -> None:
        self._context = context
        self._ref = ref

    async def authorization(self) -> str:
        """See `Credentials`."""
        token = await self._context.service_account_token(self._ref, ttl=_TOKEN_TTL)
        return f"Bearer {token.reveal_text()}"

    def expire(self, authorization: str) -> None:
        """The resolver keeps the token and knows its end."""


async def connect(
    context: CredentialContext,
    *,
    server: KubernetesServer | None,
    auth: KubernetesAuth | None,
    auth_ref: SecretKeySelector | None,
    request_seconds: float = REQUEST_SECONDS,
) -> Client:
    """A client of the store's API server; close it when done.

    Args:
        context: resolves credentials.
        server: address and CA; unused with `auth_ref`.
        auth: one way to sign in.
        auth_ref: a kubeconfig in a Secret instead.
        request_seconds: for a whole request.

    Raises:
        InvalidSpecError: not exactly one way to sign in, or no URL.
        EsoError: a credential is missing or cannot be read.
    """
    if auth_ref is not None:
        if auth is not None:
            raise InvalidSpecError("auth and authRef cannot be used together: remove one of them")
        config = _from_kubeconfig(await context.resolve(auth_ref))
    else:
        config = await _from_spec(context, server, auth)
    try:
        config = replace(config, request_timeout=request_seconds, answer_limit=_ANSWER_LIMIT)
        # Who asks decides when to ask again: a store that answers nothing would hold its readers for minutes.
        return Client(config, field_manager="external-secrets", retry=RetryPolicy(attempts=1))
    except ConfigError as err:
        raise InvalidSpecError(f"the API server cannot be reached: {err}") from err


async def _from_spec(
    context: CredentialContext, server: KubernetesServer | None, auth: KubernetesAuth | None
) -> Config:
    url = server.url if server is not None else ""
    if not url:
        raise InvalidSpecError("no server URL is set: set server.url")
    ca = await context.resolve_ca(server.ca_bundle, server.ca_provider) if server is not None else None
    methods = [] if auth is None else [way for way in (auth.token, auth.service_account, auth.cert) if way is not None]
    if auth is None or len(methods) != 1:
        raise InvalidSpecError(
            f"exactly one of auth.token, auth.serviceAccount and auth.cert must be set, found {len(methods)}"
        )
    credentials: Credentials | None = None
    certificate = key = b""
    if auth.token is not None:
        token = await context.resolve(auth.token.bearer_token)
        credentials = StaticCredentials(f"Bearer {token.reveal_text().strip()}")
    elif auth.service_account is not None:
        account = _ServiceAccountCredentials(context, auth.service_account)
        await account.authorization()
        credentials = account
    elif auth.cert is not None:
        certificate, key = await _certificate(context, auth.cert)
    if "://" not in url:
        url = f"https://{url}" if ca is not None or certificate else f"http://{url}"
    return Config(
        server=url,
        ca_data=ca or b"",
        credentials=credentials,
        client_certificate_data=certificate,
        client_key_data=key,
        user_agent="external-secrets",
    )


async def _certificate(context: CredentialContext, cert: CertAuth) -> tuple[bytes, bytes]:
    return (await context.resolve(cert.client_cert)).reveal(), (await context.resolve(cert.client_key)).reveal()


def _from_kubeconfig(document: SecretValue) -> Config:
    """The current context of a kubeconfig.

    It comes from a Secret that users write, so it may not name files of the operator or programs to run.
    """
    if len(document) > _MOST_KUBECONFIG:
        raise InvalidSpecError("the kubeconfig in authRef is too large")
    try:
        body = yaml.safe_load(document.reveal())
    except yaml.YAMLError:
        raise InvalidSpecError("the kubeconfig in authRef is not YAML") from None
    if not isinstance(body, Mapping):
        raise InvalidSpecError("the kubeconfig in authRef is not a map")
    current = _named(body, "contexts", str(body.get("current-context") or ""), "context")
    cluster = _named(body, "clusters", str(current.get("cluster") or ""), "cluster")
    user = _named(body, "users", str(current.get("user") or ""), "user")
    for section, names in ((cluster, ("certificate-authority",)), (user, _UNSAFE)):
        for name in names:
            if section.get(name):
                raise InvalidSpecError(
                    f"the kubeconfig in authRef uses {name}, which is not allowed: embed the data or a token"
                )
    basic = ""
    if user.get("username"):
        basic = base64.b64encode(f"{user['username']}:{user.get('password') or ''}".encode()).decode()
    return Config(
        server=str(cluster.get("server") or ""),
        ca_data=_data(cluster, "certificate-authority-data"),
        token="" if basic else str(user.get("token") or ""),
        credentials=StaticCredentials(f"Basic {basic}") if basic else None,
        client_certificate_data=_data(user, "client-certificate-data"),
        client_key_data=_data(user, "client-key-data"),
        tls_server_name=str(cluster.get("tls-server-name") or ""),
        insecure_skip_tls_verify=bool(cluster.get("insecure-skip-tls-verify")),
        user_agent="external-secrets",
    )


_UNSAFE: Final = ("exec", "auth-provider", "tokenFile", "client-certificate", "client-key")


def _named(body: Mapping[str, Any], section: str, name: str, field: str) -> Mapping[str, Any]:
    for entry in body.get(section) or ():
        if isinstance(entry, Mapping) and entry.get("name") == name and isinstance(entry.get(field), Mapping):
            found: Mapping[str, Any] = entry[field]
            return found
    raise InvalidSpecError(f"the kubeconfig in authRef has no {field} named {name!r}")


def _data(section: Mapping[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(str(section.get(name) or ""), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidSpecError(f"{name} of the kubeconfig in authRef is not base64") from None


def is_referent(auth: KubernetesAuth | None) -> bool:
    """Whether a selector of a cluster store leaves its namespace to the consumer."""
    if auth is None:
        return False
    selectors: list[SecretKeySelector | ServiceAccountSelector] = []
    if auth.cert is not None:
        selectors += [auth.cert.client_cert, auth.cert.client_key]
    if auth.token is not None:
        selectors.append(auth.token.bearer_token)
    if auth.service_account is not None:
        selectors.append(auth.service_account)
    return any(selector.namespace is None for selector in selectors)


def check_connection(
    *,
    server: KubernetesServer | None,
    auth: KubernetesAuth | None,
    auth_ref: SecretKeySelector | None,
    store_kind: str,
    store_namespace: str,
) -> Sequence[str]:
    """The static rules of server and auth.

    Returns:
        Warnings.

    Raises:
        InvalidSpecError: a rule is broken; the message names the field.
    """
    warnings: list[str] = []
    ca_provider = server.ca_provider if server is not None else None
    if auth_ref is None and (server is None or (not server.ca_bundle and ca_provider is None)):
        warnings.append("No caBundle or caProvider specified; TLS connections will use system certificate roots.")
    if ca_provider is not None and store_kind != "ClusterSecretStore" and ca_provider.namespace is not None:
        raise InvalidSpecError("CAProvider.namespace must be empty with SecretStore")
    check_ca_provider(ca_provider, store_kind=store_kind, store_namespace=store_namespace)
    if auth is None:
        return warnings
    for label, selector in (
        ("ClientCert", auth.cert.client_cert if auth.cert is not None else None),
        ("BearerToken", auth.token.bearer_token if auth.token is not None else None),
    ):
        if selector is None:
            continue
        if not selector.name:
            raise InvalidSpecError(f"{label}.Name cannot be empty")
        if not selector.key:
            raise InvalidSpecError(f"{label}.Key cannot be empty")
        check_strict(selector, store_kind=store_kind, store_namespace=store_namespace)
    check_referent(auth.service_account, store_kind=store_kind, store_namespace=store_namespace)
    return warnings


def error_of(err: ReconcileError, what: str) -> ProviderError:
    """The error for what an API server answered; its text may quote objects, so only its reason and what it is about are kept.

    Args:
        err: from the client.
        what: the operation in our own words.
    """
    if isinstance(err, APIError):
        return _refusal(err, f"{what}: the API server answered {err.status} {err.reason}".rstrip() + _about(err))
    if isinstance(err, UntrustedError):
        return UnavailableError(f"{what}: the certificate of the API server is not trusted, check server.caBundle")
    if isinstance(err, OversizedError):
        return InvalidRequestError(f"{what}: the answer is larger than any object, check server.url")
    if isinstance(err, (MalformedError, DecodeError)):
        return ProviderError(f"{what}: the answer is not what the Kubernetes API sends, check server.url")
    if isinstance(err, TransportError):
        return UnavailableError(f"{what}: the API server did not answer, check server.url and the network to it")
    return ProviderError(f"{what}: {type(err).__name__}")


def _about(err: APIError) -> str:
    """What is wrong or missing: fields of the object, or the resource; never their values."""
    if isinstance(err, NotFoundError):
        named = [f"{err.details.get('kind', '')} {err.details.get('name', '')}"]
    else:
        named = [str(cause.get("field", "")) for cause in err.causes]
    found = dict.fromkeys(one.strip() for one in named if _PLAIN.fullmatch(one) and one.strip())
    return f" ({', '.join(list(found)[:_FIELDS])})" if found else ""


def _refusal(err: APIError, message: str) -> ProviderError:
    if isinstance(err, NotFoundError):
        return NoSecretError(message)
    if isinstance(err, UnauthorizedError):
        return AccessDeniedError(f"{message}, check the credentials in auth or authRef")
    if isinstance(err, ForbiddenError):
        return AccessDeniedError(f"{message}, check which permissions the identity of the store has")
    if isinstance(err, TooManyRequestsError):
        return ThrottledError(f"{message}, it is tried again later", retry_after=err.retry_after)
    if isinstance(err, ServerError):
        return UnavailableError(message, retry_after=err.retry_after)
    if isinstance(err, (BadRequestError, InvalidError, MethodNotAllowedError)):
        return InvalidRequestError(message)
    return ProviderError(message)
