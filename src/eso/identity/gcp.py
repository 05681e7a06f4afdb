"""Access tokens of Google: by service account key, by workload identity, by what the operator runs as. It needs no SDK."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

import aiohttp
import jwt

from eso.api.identity_v1 import GCPWorkloadIdentity, GCPWorkloadIdentityFederation
from eso.api.meta_v1 import SecretKeySelector, ServiceAccountSelector
from eso.errors import InvalidSpecError, ProviderError, UnavailableError
from eso.identity.context import CredentialContext
from eso.identity.gcp_federation import (
    AWS_TOKEN,
    JWT,
    AWSKeys,
    ExternalAccount,
    aws_subject,
    external_account,
    subject_of,
    with_audience,
)
from eso.identity.gcp_http import Answer, answer_to, text_of
from eso.values import SecretValue

__all__ = ["AccessToken", "Google", "GoogleContext", "GoogleEndpoints", "Observe"]

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_ANNOTATION: Final = "iam.gke.io/gcp-service-account"
_JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EXCHANGE_GRANT: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"
_ACCOUNT_TOKEN_SECONDS: Final = 900.0
_LIFETIME: Final = 3600
_METADATA_SECONDS: Final = 5.0
_KEY: Final = "using the Google service account key"
_EXCHANGING: Final = "exchanging a token at Google"
_IMPERSONATING: Final = "impersonating a Google service account"
_ASKING_METADATA: Final = "asking the Google metadata server"


Observe = Callable[[str, Callable[[], Awaitable[Answer]]], Awaitable[Answer]]
"""Counts a request under the name of its call."""


class GoogleContext(CredentialContext, Protocol):
    """A resolver that can open sessions too."""

    def http(self) -> aiohttp.ClientSession:
        """A session that lives as long as what it was made for."""


async def _uncounted(call: str, send: Callable[[], Awaitable[Answer]]) -> Answer:
    return await send()


@dataclass(frozen=True, slots=True)
class GoogleEndpoints:
    """Where Google's services are; tests put servers of their own here.

    Attributes:
        binding: token exchange of GKE.
        sts: Security Token Service.
        iam: IAM Credentials API.
        metadata: metadata server.
        token: OAuth, for user credentials and keys that name no other.
    """

    binding: str = "https://securetoken.googleapis.com/v1/identitybindingtoken"
    sts: str = "https://sts.googleapis.com/v1/token"
    iam: str = "https://iamcredentials.googleapis.com"
    metadata: str = "http://metadata.google.internal"
    token: str = "https://oauth2.googleapis.com/token"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token and when it ends (Unix seconds)."""

    value: str
    expiry: int

    def __repr__(self) -> str:
        return f"AccessToken(expiry={self.expiry})"


class Google:
    """Signs in.

    Args:
        context: resolves references.
        endpoints: of Google's services.
        clock: the wall clock.
        environ: where the operator's own credentials are named; None for the process environment.
        observe: counts the exchanges.
    """

    def __init__(
        self,
        context: GoogleContext,
        endpoints: GoogleEndpoints,
        clock: Callable[[], datetime],
        environ: Mapping[str, str] | None = None,
        observe: Observe = _uncounted,
    ) -> None:
        self._context = context
        self._http: aiohttp.ClientSession = context.http()
        self._endpoints = endpoints
        self._clock = clock
        self._environ = os.environ if environ is None else environ
        self._observe = observe

    async def by_key(self, key: SecretValue) -> AccessToken:
        """With the JSON key of a service account, or of a user.

        Raises:
            InvalidSpecError: it is no such key.
            ProviderError: Google refused.
        """
        try:
            info = json.loads(key.reveal())
        except ValueError:
            raise InvalidSpecError("the Google credentials are not JSON") from None
        kind = info.get("type") if isinstance(info, dict) else None
        if kind == "authorized_user":
            names = ("client_id", "client_secret", "refresh_token")
            form = {"grant_type": "refresh_token", **{name: _member(info, name) for name in names}}
            return await self._oauth(self._endpoints.token, form)
        if kind != "service_account":
            raise InvalidSpecError("the Google credentials must be the key of a service account")
        url = info.get("token_uri") or self._endpoints.token
        return await self._oauth(url, {"grant_type": _JWT_GRANT, "assertion": self._assertion(info, url)})

    async def by_workload_identity(self, spec: GCPWorkloadIdentity, project: str) -> AccessToken:
        """As a ServiceAccount of a GKE cluster, whose parts the metadata server knows where the spec does not name them.

        Raises:
            InvalidSpecError: the names of the cluster are missing and cannot be asked for.
            ProviderError: Google refused.
        """
        project = spec.cluster_project_id or project or await self.project()
        location = spec.cluster_location or await self._metadata("instance/attributes/cluster-location")
        name = spec.cluster_name or await self._metadata("instance/attributes/cluster-name")
        pool = f"{project}.svc.id.goog"
        cluster = f"https://container.googleapis.com/v1/projects/{project}/locations/{location}/clusters/{name}"
        annotations = await self._context.service_account_annotations(spec.service_account_ref)
        token = await self._account_token(spec.service_account_ref, pool)
        audience = f"identitynamespace:{pool}:{cluster}"
        found = await self._exchanged(self._endpoints.binding, audience, token, as_json=True)
        email = annotations.get(_ANNOTATION)
        return await self._impersonated(email, found) if email else found

    async def by_federation(self, spec: GCPWorkloadIdentityFederation) -> AccessToken:
        """As an identity that a workload identity pool trusts: a ServiceAccount, an AWS role, or an external account.

        Raises:
            InvalidSpecError: not exactly one source is configured, or it is not allowed.
            ProviderError: Google refused.
        """
        sources = (spec.cred_config, spec.service_account_ref, spec.aws_security_credentials)
        if sum(source is not None for source in sources) != 1:
            raise InvalidSpecError(
                "workloadIdentityFederation needs exactly one of credConfig, serviceAccountRef, awsSecurityCredentials"
            )
        email = spec.gcp_service_account_email or ""
        if spec.cred_config is not None:
            config = spec.cred_config
            document = await self._context.read_config_map(config.name, config.key, config.namespace)
            account = with_audience(external_account(document, spec.external_token_endpoint or ""), spec.audience or "")
            return await self._by_account(account, email)
        if not spec.audience:
            raise InvalidSpecError("workloadIdentityFederation.audience must be set")
        if spec.service_account_ref is not None:
            annotations = await self._context.service_account_annotations(spec.service_account_ref)
            token = await self._account_token(spec.service_account_ref)
            found = await self._exchanged(self._endpoints.sts, spec.audience, token)
            email = email or annotations.get(_ANNOTATION, "")
        else:
            keys = await self._aws_keys(spec)
            subject = aws_subject(keys, spec.audience, self._clock())
            found = await self._exchanged(self._endpoints.sts, spec.audience, subject, kind=AWS_TOKEN)
        return await self._impersonated(email, found) if email else found

    async def _by_account(self, account: ExternalAccount, email: str) -> AccessToken:
        if not account.audience:
            raise InvalidSpecError("the external account has no audience: set workloadIdentityFederation.audience")
        subject = await subject_of(account, self._http, self._clock())
        kind = AWS_TOKEN if account.source.get("environment_id") else account.subject_token_type
        url = account.token_url or self._endpoints.sts
        found = await self._exchanged(url, account.audience, subject, kind=kind)
        email = email or account.impersonated
        return await self._impersonated(email, found) if email else found

    async def _aws_keys(self, spec: GCPWorkloadIdentityFederation) -> AWSKeys:
        aws = spec.aws_security_credentials
        assert aws is not None
        reference = SecretKeySelector(
            name=aws.aws_credentials_secret_ref.name, namespace=aws.aws_credentials_secret_ref.namespace
        )
        data = (await self._context.whole_secret(reference)).data
        for name in ("aws_access_key_id", "aws_secret_access_key"):
            if not data.get(name):
                raise InvalidSpecError(f'secret "{reference.name}" must have the key {name}')
        return AWSKeys(
            aws.region,
            data["aws_access_key_id"].reveal_text(),
            data["aws_secret_access_key"],
            data.get("aws_session_token"),
        )

    async def by_default(self) -> AccessToken:
        """As what the operator runs as: GOOGLE_APPLICATION_CREDENTIALS, else the account of the machine.

        Raises:
            InvalidSpecError: the file cannot be used.
            ProviderError: Google refused, or there is no metadata server.
        """
        file = self._environ.get("GOOGLE_APPLICATION_CREDENTIALS")
        if file:
            try:
                document = SecretValue(await asyncio.to_thread(Path(file).read_bytes))
            except OSError as err:
                raise InvalidSpecError(f"GOOGLE_APPLICATION_CREDENTIALS cannot be read: {err.strerror}") from err
            source = _external_source(document)
            if source is None:
                return await self.by_key(document)
            # The operator's own configuration may name any endpoint.
            account = external_account(document.reveal_text(), str(source.get("url") or ""))
            return await self._by_account(account, "")
        answer = await self._ask_metadata("instance/service-accounts/default/token", {"scopes": _SCOPE})
        return self._accepted(answer, _ASKING_METADATA)

    async def project(self) -> str:
        """The project this machine is in.

        Raises:
            InvalidSpecError: it is in none.
        """
        return await self._metadata("project/project-id")

    def _assertion(self, info: Mapping[str, Any], url: str) -> str:
        now = int(self._clock().timestamp())
        claims = {"iss": _member(info, "client_email"), "scope": _SCOPE, "aud": url, "iat": now, "exp": now + _LIFETIME}
        headers = {"kid": info["private_key_id"]} if isinstance(info.get("private_key_id"), str) else None
        try:
            return jwt.encode(claims, _member(info, "private_key"), algorithm="RS256", headers=headers)
        except (ValueError, TypeError, jwt.PyJWTError):
            raise InvalidSpecError("the Google credentials hold no RSA private key") from None

    async def _account_token(self, ref: ServiceAccountSelector, audience: str = "") -> SecretValue:
        audiences = [audience, *(ref.audiences or ())] if audience else list(ref.audiences or ())
        bare = ref.model_copy(update={"audiences": None})
        return await self._context.service_account_token(bare, audiences, _ACCOUNT_TOKEN_SECONDS)

    async def _oauth(self, url: str, form: Mapping[str, str]) -> AccessToken:
        answer = await answer_to(self._http, "POST", url, _KEY, form=form)
        return self._accepted(answer, _KEY)

    async def _exchanged(
        self, url: str, audience: str, subject: SecretValue, *, as_json: bool = False, kind: str = JWT
    ) -> AccessToken:
        sent = {
            "grant_type": _EXCHANGE_GRANT,
            "audience": audience,
            "scope": _SCOPE,
            "requested_token_type": _ACCESS_TOKEN,
            "subject_token": subject.reveal_text(),
            "subject_token_type": kind,
        }

        async def send() -> Answer:
            if as_json:
                return await answer_to(self._http, "POST", url, _EXCHANGING, document=sent)
            return await answer_to(self._http, "POST", url, _EXCHANGING, form=sent)

        answer = await self._observe("GenerateIDBindToken", send) if as_json else await send()
        return self._accepted(answer, _EXCHANGING)

    async def _impersonated(self, email: str, token: AccessToken) -> AccessToken:
        url = f"{self._endpoints.iam}/v1/projects/-/serviceAccounts/{quote(email, safe='@')}:generateAccessToken"
        headers = {"Authorization": f"Bearer {token.value}"}

        async def send() -> Answer:
            document = {"scope": [_SCOPE]}
            return await answer_to(self._http, "POST", url, _IMPERSONATING, headers=headers, document=document)

        answer = await self._observe("GenerateAccessToken", send)
        if answer.status != 200:
            raise answer.error(_IMPERSONATING)
        try:
            expiry = datetime.fromisoformat(text_of(answer, "expireTime", _IMPERSONATING))
        except ValueError:
            raise ProviderError(f"{_IMPERSONATING}: the answer names no end of the token") from None
        if expiry.tzinfo is None:
            expiry = expiry.replace(tzinfo=UTC)
        return AccessToken(text_of(answer, "accessToken", _IMPERSONATING), int(expiry.timestamp()))

    def _accepted(self, answer: Answer, what: str) -> AccessToken:
        if answer.status != 200:
            raise answer.error(what)
        token = text_of(answer, "access_token", what)
        lifetime = answer.content.get("expires_in")
        if isinstance(lifetime, bool) or not isinstance(lifetime, int | float):
            raise ProviderError(f"{what}: the answer names no end of the token")
        return AccessToken(token, int(self._clock().timestamp() + lifetime))

    async def _metadata(self, path: str) -> str:
        answer = await self._ask_metadata(path, None)
        if answer.status != 200 or not answer.text:
            raise InvalidSpecError(f"the Google metadata server does not know {path}: set it in the spec")
        return answer.text

    async def _ask_metadata(self, path: str, params: Mapping[str, str] | None) -> Answer:
        host = self._environ.get("GCE_METADATA_HOST")
        root = f"http://{host}" if host else self._endpoints.metadata
        try:
            return await answer_to(
                self._http,
                "GET",
                f"{root}/computeMetadata/v1/{path}",
                _ASKING_METADATA,
                headers={"Metadata-Flavor": "Google"},
                params=params,
                timeout=_METADATA_SECONDS,
            )
        except UnavailableError as err:
            raise UnavailableError(f"{err}; outside of Google Cloud give credentials in spec.auth") from err


def _external_source(document: SecretValue) -> Mapping[str, Any] | None:
    """Where an external account takes its token from; None for another kind of credentials."""
    try:
        info = json.loads(document.reveal())
    except ValueError:
        return None
    if not isinstance(info, dict) or info.get("type") != "external_account":
        return None
    source = info.get("credential_source")
    return source if isinstance(source, dict) else {}


def _member(info: Mapping[str, Any], name: str) -> str:
    found = info.get(name)
    if not isinstance(found, str) or not found:
        raise InvalidSpecError(f"the Google credentials have no {name}")
    return found
