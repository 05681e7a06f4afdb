"""The proof of an AWS identity: a signed request to STS that Infisical sends on, to learn who signed it."""

from __future__ import annotations

import base64
import re
from typing import Final

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from eso.errors import InvalidSpecError, UnavailableError
from eso.identity.aws import AWS, AWSConnection, SignIn
from eso.identity.context import SignInContext
from eso.identity.gcp.http import answer_to
from eso.providers.infisical.machine import Surroundings
from eso.transform.gojson import dumps

__all__ = ["AWSProof"]

_BODY: Final = "Action=GetCallerIdentity&Version=2011-06-15"
_REGION: Final = re.compile(r"[a-z0-9-]+")
_SECONDS: Final = 5.0


class AWSProof:
    """Signs as what the operator runs as at AWS.

    Args:
        around: environment and metadata service.
        context: opens sessions.
    """

    def __init__(self, around: Surroundings, context: SignInContext) -> None:
        self._around = around
        self._context = context
        self._http = context.http()
        self._connection: AWSConnection | None = None

    async def signed(self) -> dict[str, str]:
        """The request, in the form that Infisical takes.

        Raises:
            InvalidSpecError: the operator has no region.
            EsoError: it has no credentials.
        """
        region = await self._region()
        if not _REGION.fullmatch(region):
            raise InvalidSpecError("awsAuthCredentials: the operator has no AWS region, set AWS_REGION")
        if self._connection is None:
            aws = AWS(self._around.environ, self._around.now)
            self._connection = await aws.connect(self._context, SignIn(region))
        keys = await self._connection.keys()
        host = f"sts.{region}.amazonaws.com"
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "Host": host}
        request = AWSRequest("POST", f"https://{host}/", headers, _BODY)
        SigV4Auth(ReadOnlyCredentials(keys.access_key, keys.secret_key, keys.token), "sts", region).add_auth(request)
        sent = {**dict(request.headers.items()), "Content-Length": str(len(_BODY))}
        return {
            "iamHttpRequestMethod": "POST",
            "iamRequestBody": base64.b64encode(_BODY.encode()).decode(),
            "iamRequestHeaders": base64.b64encode(dumps(sent, escape_html=False).encode()).decode(),
        }

    async def _region(self) -> str:
        """As the environment names it, else where the machine is."""
        environ = self._around.environ
        named = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
        if named:
            return named
        what = "asking the EC2 metadata service for the region"
        lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "300"}
        try:
            token = await answer_to(
                self._http, "PUT", f"{self._around.ec2}/latest/api/token", what, headers=lifetime, timeout=_SECONDS
            )
            session = {"X-aws-ec2-metadata-token": token.text} if token.status == 200 else {}
            url = f"{self._around.ec2}/latest/dynamic/instance-identity/document"
            found = await answer_to(self._http, "GET", url, what, headers=session, timeout=_SECONDS)
        except UnavailableError:
            return ""
        return str(found.content.get("region") or "") if found.status == 200 else ""
