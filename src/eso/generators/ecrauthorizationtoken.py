"""ECRAuthorizationToken: a login for the private or the public Amazon ECR."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from eso.api.generators_v1alpha1.ecrauthorizationtoken import ECRAuthorizationTokenSpec
from eso.errors import ProviderError
from eso.generators.awsidentity import connected
from eso.generators.base import Generated, Generator, GeneratorContext
from eso.identity.aws import AWS
from eso.values import wrap_all

__all__ = ["ECRAuthorizationTokenGenerator"]

_WHAT: Final = "getting an ECR authorization token"


class ECRAuthorizationTokenGenerator(Generator[ECRAuthorizationTokenSpec]):
    """Asks ECR for a token that Docker can log in with.

    Args:
        environ: where endpoint overrides are looked up; None for the process environment.
    """

    kind = "ECRAuthorizationToken"
    spec_type = ECRAuthorizationTokenSpec

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._aws = AWS(environ)

    async def generate(self, spec: ECRAuthorizationTokenSpec, context: GeneratorContext) -> Generated:
        """`username`, `password`, `expires_at` (Unix seconds), and for the private registry `proxy_endpoint`.

        Raises:
            ProviderError: AWS refused, or its answer holds no token.
        """
        public = spec.scope == "public"
        async with connected(self._aws, context, region=spec.region, auth=spec.auth, role=spec.role) as connection:
            client = await connection.client("ecr-public" if public else "ecr")
            answer = await client.call("get_authorization_token", _WHAT)
        found = answer.get("authorizationData")
        if public:
            return Generated(wrap_all(_login(found)))
        if not isinstance(found, list) or len(found) != 1:
            raise ProviderError(f"{_WHAT}: one authorization is expected in the answer")
        return Generated(wrap_all({**_login(found[0]), "proxy_endpoint": str(found[0].get("proxyEndpoint") or "")}))


def _login(found: Any) -> dict[str, str]:
    data = found if isinstance(found, Mapping) else {}
    try:
        pair = base64.b64decode(data.get("authorizationToken") or "", validate=True).decode()
    except (binascii.Error, ValueError):
        pair = ""
    parts = pair.split(":")
    expires = data.get("expiresAt")
    if len(parts) != 2 or not isinstance(expires, datetime):
        raise ProviderError(f"{_WHAT}: the answer holds no user, password and expiry")
    return {"username": parts[0], "password": parts[1], "expires_at": str(int(expires.timestamp()))}
