"""Proofs of who the operator's machine is: tokens of clouds and of its Pod."""

from __future__ import annotations

import asyncio
import base64
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from eso.errors import InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.identity.context import SignInContext
from eso.identity.gcp import Google, GoogleEndpoints
from eso.identity.gcp.http import answer_to, text_of
from eso.identity.gcp.key import member_of
from eso.identity.gcp.metadata import MetadataServer
from eso.providers.http import read_json, transport_errors
from eso.transform.gojson import dumps, loads
from eso.values import SecretValue

__all__ = ["GoogleSigner", "OCIKey", "Surroundings", "azure_token", "google_identity", "oci_headers", "pod_token"]

_TOKEN_FILE: Final = "/var/run/secrets/kubernetes.io/serviceaccount/token"
_RESOURCE: Final = "https://management.azure.com/"
_LARGEST_FILE: Final = 1 << 16
_JWT: Final = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_OCI_REGION: Final = re.compile(r"[a-z0-9-]+")


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the operator runs; tests put servers and files of their own here.

    Attributes:
        azure: base URL of Azure's instance metadata service.
        ec2: base URL of EC2's.
        google: of Google's services; None for those that the environment names.
        token_file: the token of the Pod.
        environ: of the process.
        now: the wall clock.
    """

    azure: str = "http://169.254.169.254"
    ec2: str = "http://169.254.169.254"
    google: GoogleEndpoints | None = None
    token_file: str = _TOKEN_FILE
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    now: Callable[[], datetime] = _utc_now


async def azure_token(around: Surroundings, http: aiohttp.ClientSession, resource: str) -> str:
    """A token of the machine's managed identity.

    Raises:
        ProviderError: the machine has none.
    """
    what = "asking the Azure metadata service for a token"
    # Source: Azure documentation, "How to use managed identities on a virtual machine to acquire an access token".
    query = {"api-version": "2018-02-01", "resource": resource or _RESOURCE}
    try:
        with transport_errors(what):
            async with http.get(
                f"{around.azure}/metadata/identity/oauth2/token",
                params=query,
                headers={"Metadata": "true"},
                allow_redirects=False,
            ) as response:
                answer = await read_json(response, what)
    except NoSecretError as err:
        raise InvalidRequestError(str(err)) from err
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token:
        raise ProviderError(f"{what}: the answer has no token")
    return token


async def google_identity(around: Surroundings, http: aiohttp.ClientSession, audience: str) -> str:
    """The identity token of a machine at Google.

    Raises:
        ProviderError: it is not there, or has no service account.
    """
    endpoints = around.google or GoogleEndpoints()
    server = MetadataServer(http, endpoints.metadata)
    answer = await server.answer("instance/service-accounts/default/identity", {"audience": audience, "format": "full"})
    if answer.status != 200 or not answer.text:
        raise answer.error("asking the Google metadata server for an identity token")
    return answer.text


class GoogleSigner:
    """Lets Google sign for the service account whose JSON key is in a file.

    Args:
        around: endpoints and environment.
        context: opens sessions.
        file: of the operator.
    """

    def __init__(self, around: Surroundings, context: SignInContext, file: str) -> None:
        self._endpoints = around.google or GoogleEndpoints()
        self._google = Google(context, self._endpoints, around.now, around.environ)
        self._http = context.http()
        self._file = file

    async def signed(self, audience: str) -> str:
        """A JWT.

        Raises:
            InvalidSpecError: the file cannot be read, or holds no such key.
            ProviderError: Google refused.
        """
        document = await _content(self._file, "gcpIamAuthCredentials.serviceAccountKeyFilePath")
        try:
            info = loads(document)
        except ValueError:
            info = None
        if not isinstance(info, dict):
            raise InvalidSpecError("gcpIamAuthCredentials.serviceAccountKeyFilePath does not name a JSON key")
        email = member_of(info, "client_email")
        access = await self._google.by_key(SecretValue(document))
        what = "signing a JWT as a Google service account"
        answer = await answer_to(
            self._http,
            "POST",
            f"{self._endpoints.iam}/v1/projects/-/serviceAccounts/{quote(email, safe='@')}:signJwt",
            what,
            headers={"Authorization": f"Bearer {access.value}"},
            document={"payload": dumps({"sub": email, "aud": audience})},
        )
        if answer.status != 200:
            raise answer.error(what)
        return text_of(answer, "signedJwt", what)


async def pod_token(around: Surroundings, file: str) -> str:
    """The token in a file of the operator's Pod.

    Raises:
        InvalidSpecError: the file cannot be read, or holds something else than a token, which would be given away.
    """
    where = "kubernetesAuthCredentials.serviceAccountTokenPath"
    content = (await _content(file or around.token_file, where)).strip()
    if not _JWT.fullmatch(content):
        raise InvalidSpecError(f"{where} does not name the token of a ServiceAccount")
    return content.decode()


async def _content(file: str, where: str) -> bytes:
    def read() -> bytes:
        with Path(file).open("rb") as opened:
            return opened.read(_LARGEST_FILE)

    try:
        return await asyncio.to_thread(read)
    except (OSError, ValueError) as err:
        reason = err.strerror if isinstance(err, OSError) else "it is not a path"
        raise InvalidSpecError(f"{where}: the file cannot be read: {reason}") from None


@dataclass(frozen=True, slots=True)
class OCIKey:
    """An API key of a user of Oracle Cloud."""

    tenancy: str
    user: str
    fingerprint: str
    region: str
    private_key: SecretValue
    passphrase: SecretValue | None = None


def oci_headers(key: OCIKey, now: datetime) -> dict[str, str]:
    """Headers of a signed request that tells who its user is; it is Infisical that sends it.

    Source: Oracle's "Request Signatures"; the request is GetUser of the identity service.

    Raises:
        InvalidSpecError: the key or the region cannot be used.
    """
    if not _OCI_REGION.fullmatch(key.region):
        raise InvalidSpecError("ociAuthCredentials.region is not the name of a region")
    private = _rsa(key)
    headers = {
        "date": format_datetime(now, usegmt=True),
        "(request-target)": f"get /20160918/users/{quote(key.user, safe='')}",
        "host": f"identity.{key.region}.oraclecloud.com",
    }
    text = "\n".join(f"{name}: {value}" for name, value in headers.items())
    signature = base64.b64encode(private.sign(text.encode(), PKCS1v15(), SHA256())).decode()
    authorization = (
        f'Signature version="1",headers="{" ".join(headers)}",'
        f'keyId="{key.tenancy}/{key.user}/{key.fingerprint}",algorithm="rsa-sha256",signature="{signature}"'
    )
    return {"authorization": authorization, "host": headers["host"], "date": headers["date"]}


def _rsa(key: OCIKey) -> RSAPrivateKey:
    passphrase: Any = key.passphrase.reveal() if key.passphrase else None
    try:
        private = load_pem_private_key(key.private_key.reveal(), passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidSpecError("ociAuthCredentials: privateKey or privateKeyPassphrase cannot be used") from None
    if not isinstance(private, RSAPrivateKey):
        raise InvalidSpecError("ociAuthCredentials.privateKey is not an RSA key")
    return private
