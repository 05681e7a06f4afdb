"""STSSessionToken: temporary AWS credentials."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from eso.api.generators_v1alpha1.stssessiontoken import RequestParameters, STSSessionTokenSpec
from eso.errors import InvalidSpecError, ProviderError
from eso.generators.awsidentity import connected
from eso.generators.base import Generated, Generator, GeneratorContext
from eso.identity.aws import AWS
from eso.values import wrap_all

__all__ = ["STSSessionTokenGenerator"]

_WHAT: Final = "getting an AWS session token"


class STSSessionTokenGenerator(Generator[STSSessionTokenSpec]):
    """Asks STS for a session of the identity.

    Args:
        environ: where endpoint overrides for assuming a role are looked up; None for the process environment.
    """

    kind = "STSSessionToken"
    spec_type = STSSessionTokenSpec

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._aws = AWS(environ)

    async def generate(self, spec: STSSessionTokenSpec, context: GeneratorContext) -> Generated:
        """`access_key_id`, `secret_access_key`, `session_token`, `expiration` (Unix seconds).

        Raises:
            InvalidSpecError: `auth.jwt` is set, whose credentials STS does not make sessions for.
            ProviderError: AWS refused, or its answer holds no credentials.
        """
        if spec.auth is not None and spec.auth.jwt is not None:
            raise InvalidSpecError("spec.auth.jwt cannot be used for session tokens: use secretRef")
        wanted = spec.request_parameters or RequestParameters()
        async with connected(self._aws, context, region=spec.region, auth=spec.auth, role=spec.role) as connection:
            # AWS_STS_ENDPOINT is for assuming roles only; this call goes where the SDK sends it.
            client = await connection.client("sts", endpoint_override=False)
            answer = await client.call(
                "get_session_token",
                _WHAT,
                DurationSeconds=wanted.session_duration,
                SerialNumber=wanted.serial_number,
                TokenCode=wanted.token_code,
            )
        found = answer.get("Credentials") or {}
        expiration = found.get("Expiration")
        keys = [found.get(name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
        if not all(isinstance(key, str) and key for key in keys) or not isinstance(expiration, datetime):
            raise ProviderError(f"{_WHAT}: the answer holds no credentials")
        names = ("access_key_id", "secret_access_key", "session_token")
        values = {name: str(key) for name, key in zip(names, keys, strict=True)}
        return Generated(wrap_all({**values, "expiration": str(int(expiration.timestamp()))}))
