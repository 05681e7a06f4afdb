"""Access tokens of Google: by service account key, by workload identity, by what the operator runs as. It needs no SDK."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote

import aiohttp

from eso.api.identity_v1 import GCPWorkloadIdentity, GCPWorkloadIdentityFederation
from eso.api.meta_v1 import SecretKeySelector, ServiceAccountSelector
from eso.errors import InvalidSpecError
from eso.identity.context import CredentialContext
from eso.identity.gcp.endpoints import GoogleEndpoints, universe_of
from eso.identity.gcp.federation import (
    AWS_TOKEN,
    JWT,
    AWSKeys,
    ExternalAccount,
    aws_subject,
    external_account,
    subject_of,
    with_audience,
)
from eso.identity.gcp.http import answer_to
from eso.identity.gcp.key import member_of, signed_claims
from eso.identity.gcp.metadata import ASKING, MetadataServer
from eso.identity.gcp.tokens import AccessToken, impersonated_token_of, token_of
from eso.transform.gojson import loads
from eso.values import SecretValue

__all__ = ["Google", "GoogleContext", "Observe"]

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_ANNOTATION: Final = "iam.gke.io/gcp-service-account"
_JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EXCHANGE_GRANT: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"
_ACCOUNT_TOKEN_SECONDS: Final = 900.0
_KEY: Final = "using the Google service account key"
_EXCHANGING: Final = "exchanging a token at Google"
_IMPERSONATING: Final = "impersonating a Google service account"

T = TypeVar("T")


class Observe(Protocol):
    """Counts a request under the name of its call."""

    async def __call__(self, call: str, send: Callable[[], Awaitable[T]]) -> T:
        """Make the request; it counts as failed when it raises."""


class GoogleContext(CredentialContext, Protocol):
    """A resolver that can open sessions too."""

    def http(self) -> aiohttp.ClientSession:
        """A session that lives as long as what it was made for."""


async def _uncounted(call: str, send: Callable[[], Awaitable[T]]) -> T:
    return await send()


class Google:
    """Signs in.

    Args:
        context: resolves references.
        endpoints: of Google's services; None for those of the universe the operator works in.
        clock: the wall clock.
        environ: where the operator's own credentials are named; None for the process environment.
        observe: counts the exchanges.
    """

    def __init__(
        self,
        context: GoogleContext,
        endpoints: GoogleEndpoints | None,
        clock: Callable[[], datetime],
        environ: Mapping[str, str] | None = None,
        observe: Observe = _uncounted,
    ) -> None:
        self._context = context
        self._http: aiohttp.ClientSession = context.http()
        self._clock = clock
        self._environ = os.environ if environ is None else environ
        self._endpoints = endpoints or GoogleEndpoints.of_universe(universe_of(self._environ))
        self._observe = observe
        host = self._environ.get("GCE_METADATA_HOST")
        self._machine = MetadataServer(self._http, f"http://{host}" if host else self._endpoints.metadata)

    async def by_key(self, key: SecretValue) -> AccessToken:
        """With the JSON key of a service account, or of a user.

        Raises:
            InvalidSpecError: it is no such key.
            ProviderError: Google refused.
        """
        try:
            info = loads(key.reveal())
        except ValueError:
            raise InvalidSpecError("the Google credentials are not JSON") from None
        kind = info.get("type") if isinstance(info, dict) else None
        if kind == "authorized_user":
            names = ("client_id", "client_secret", "refresh_token")
            form = {"grant_type": "refresh_token", **{name: member_of(info, name) for name in names}}
            return await self._oauth(self._endpoints.token, form)
        if kind != "service_account":
            raise InvalidSpecError("the Google credentials must be the key of a service account")
        url = member_of(info, "token_uri") if info.get("token_uri") else self._endpoints.token
        form = {"grant_type": _JWT_GRANT, "assertion": signed_claims(info, url, _SCOPE, self._clock())}
        return await self._oauth(url, form)

    async def by_workload_identity(self, spec: GCPWorkloadIdentity, project: str) -> AccessToken:
        """As a ServiceAccount of a GKE cluster, whose parts the metadata server knows where the spec does not name them.

        Raises:
            InvalidSpecError: the names of the cluster are missing and cannot be asked for.
            ProviderError: Google refused.
        """
        project = spec.cluster_project_id or project or await self.project()
        location = spec.cluster_location or await self._machine.text("instance/attributes/cluster-location")
        name = spec.cluster_name or await self._machine.text("instance/attributes/cluster-name")
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
            account = external_account(document, spec.external_token_endpoint or "", self._endpoints.universe)
            return await self._by_account(with_audience(account, spec.audience or ""), email)
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
        for name in ("aws_access_key_id", "aws_session_token"):
            if name in data and data[name].utf8() is None:
                raise InvalidSpecError(f'key {name} of secret "{reference.name}" must be text')
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
            url = str(source.get("url") or "")
            account = external_account(document.reveal_text(), url, self._endpoints.universe)
            return await self._by_account(account, "")
        answer = await self._machine.answer("instance/service-accounts/default/token", {"scopes": _SCOPE})
        return token_of(answer, ASKING, self._clock())

    async def project(self) -> str:
        """The project this machine is in.

        Raises:
            InvalidSpecError: it is in none.
        """
        return await self._machine.text("project/project-id")

    async def _account_token(self, ref: ServiceAccountSelector, audience: str = "") -> SecretValue:
        audiences = [audience, *(ref.audiences or ())] if audience else list(ref.audiences or ())
        bare = ref.model_copy(update={"audiences": None})

        async def send() -> SecretValue:
            return await self._context.service_account_token(bare, audiences, _ACCOUNT_TOKEN_SECONDS)

        return await self._observe("GenerateServiceAccountToken", send)

    async def _oauth(self, url: str, form: Mapping[str, str]) -> AccessToken:
        answer = await answer_to(self._http, "POST", url, _KEY, form=form)
        return token_of(answer, _KEY, self._clock())

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

        if not as_json:
            return token_of(
                await answer_to(self._http, "POST", url, _EXCHANGING, form=sent), _EXCHANGING, self._clock()
            )

        async def send() -> AccessToken:
            return token_of(
                await answer_to(self._http, "POST", url, _EXCHANGING, document=sent), _EXCHANGING, self._clock()
            )

        return await self._observe("GenerateIDBindToken", send)

    async def _impersonated(self, email: str, token: AccessToken) -> AccessToken:
        url = f"{self._endpoints.iam}/v1/projects/-/serviceAccounts/{quote(email, safe='@')}:generateAccessToken"
        headers = {"Authorization": f"Bearer {token.value}"}

        async def send() -> AccessToken:
            document = {"scope": [_SCOPE]}
            return impersonated_token_of(
                await answer_to(self._http, "POST", url, _IMPERSONATING, headers=headers, document=document),
                _IMPERSONATING,
            )

        return await self._observe("GenerateAccessToken", send)


def _external_source(document: SecretValue) -> Mapping[str, Any] | None:
    """Where an external account takes its token from; None for another kind of credentials."""
    try:
        info = loads(document.reveal())
    except ValueError:
        return None
    if not isinstance(info, dict) or info.get("type") != "external_account":
        return None
    source = info.get("credential_source")
    return source if isinstance(source, dict) else {}
