"""Signing in to Vault by its `aws` auth method: a signed request to STS that Vault sends on, to learn who signed it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from eso.api.identity_v1 import AWSAuth
from eso.api.vault_v1 import VaultIamAuth
from eso.errors import InvalidSpecError
from eso.identity.aws import AWS, SignIn
from eso.identity.aws.credentials import Keys
from eso.identity.context import SignInContext
from eso.identity.vault.adapter import Request
from eso.identity.vault.login import login_url, mount
from eso.identity.vault.session import Login

__all__ = ["iam_login"]

_REGION: Final = "us-east-1"
_MOUNT: Final = "aws"
_SESSION: Final = "external-secrets-provider-vault"
_BODY: Final = "Action=GetCallerIdentity&Version=2011-06-15"
_SERVER_ID: Final = "X-Vault-AWS-IAM-Server-ID"
_OWN_IDENTITY: Final = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI")


async def iam_login(auth: VaultIamAuth, context: SignInContext, environ: Mapping[str, str]) -> Login:
    """The login; credentials stay in memory and are renewed by themselves.

    Args:
        auth: settings.
        context: resolves references.
        environ: says whether the operator has an identity of its own, and where STS is (AWS_STS_ENDPOINT).

    Raises:
        InvalidSpecError: no credentials are configured and the operator has none.
        EsoError: a reference cannot be resolved.
    """
    base = _base(auth)
    if base is None and not any(environ.get(name) for name in _OWN_IDENTITY):
        raise InvalidSpecError(
            "auth.iam needs jwt or secretRef: the operator has no web identity and no pod identity of its own"
        )
    region = auth.region or _REGION
    sign_in = SignIn(region, base, role=auth.role, external_id=auth.external_id, session_name=_SESSION)
    aws = AWS(environ)
    connection = await aws.connect(context, sign_in)
    endpoint = (aws.endpoint("sts") or f"https://sts.{region}.amazonaws.com").rstrip("/") + "/"

    path = mount(auth.path or _MOUNT)

    async def prepare() -> Request:
        signed = _signed(await connection.keys(), region, endpoint, auth.vault_aws_iam_server_id)
        # hvac's method signs for the public STS endpoints only.
        return lambda vault: vault.login(login_url(path), json={"role": auth.vault_role, **signed})

    return Login("iam", path, prepare)


def _base(auth: VaultIamAuth) -> AWSAuth | None:
    if auth.jwt is not None and auth.jwt.service_account_ref is not None:
        return AWSAuth(jwt=auth.jwt)
    return AWSAuth(secret_ref=auth.secret_ref) if auth.secret_ref is not None else None


def _signed(keys: Keys, region: str, endpoint: str, server_id: str | None) -> dict[str, str]:
    """A signed GetCallerIdentity request in the form that Vault takes."""
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "Host": urlsplit(endpoint).netloc}
    if server_id:
        headers[_SERVER_ID] = server_id
    request = AWSRequest("POST", endpoint, headers, _BODY)
    SigV4Auth(ReadOnlyCredentials(keys.access_key, keys.secret_key, keys.token), "sts", region).add_auth(request)
    sent = {name: [value] for name, value in request.headers.items()}
    return {
        "iam_http_request_method": "POST",
        "iam_request_url": _base64(endpoint),
        "iam_request_body": _base64(_BODY),
        "iam_request_headers": _base64(json.dumps(sent)),
    }


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
