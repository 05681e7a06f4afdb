"""The proof of an AWS identity: a signed request to STS that Akeyless sends on, to learn who signed it."""

from __future__ import annotations

import base64
from typing import Final

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from eso.identity.aws import AWS, AWSConnection, SignIn
from eso.identity.context import SignInContext
from eso.providers.akeyless.surroundings import Surroundings
from eso.transform.gojson import dumps

__all__ = ["AWSProof"]

_BODY: Final = "Action=GetCallerIdentity&Version=2011-06-15"
_REGION: Final = "us-east-1"
_URL: Final = "https://sts.amazonaws.com/"
"""Which is in that region only. Source: the vendor's libraries for cloud identities."""


class AWSProof:
    """Signs as what the operator runs as at AWS.

    Args:
        around: environment and clock.
        context: opens sessions.
    """

    def __init__(self, around: Surroundings, context: SignInContext) -> None:
        self._aws = AWS(around.environ, around.now)
        self._context = context
        self._connection: AWSConnection | None = None

    async def signed(self) -> str:
        """The request, in the form that Akeyless takes, before its last encoding.

        Raises:
            EsoError: the operator has no credentials at AWS.
        """
        if self._connection is None:
            self._connection = await self._aws.connect(self._context, SignIn(_REGION))
        keys = await self._connection.keys()
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "Host": "sts.amazonaws.com"}
        request = AWSRequest("POST", _URL, headers, _BODY)
        SigV4Auth(ReadOnlyCredentials(keys.access_key, keys.secret_key, keys.token), "sts", _REGION).add_auth(request)
        sent = {name: [value] for name, value in request.headers.items()}
        sent["Content-Length"] = [str(len(_BODY))]
        return dumps(
            {
                "sts_request_method": "POST",
                "sts_request_url": _base64(_URL),
                "sts_request_body": _base64(_BODY),
                "sts_request_headers": _base64(dumps(sent, escape_html=False)),
            }
        )


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
