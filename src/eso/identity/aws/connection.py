"""From an identity to clients of AWS services."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import aioboto3
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore import UNSIGNED
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader, create_loader

from eso.errors import InvalidSpecError
from eso.identity.aws.client import AWSClient, RetryPolicy
from eso.identity.aws.credentials import Credentials, DefaultChain, Keys, Provided
from eso.identity.aws.errors import error_of
from eso.identity.aws.http import SessionAdapter
from eso.identity.aws.signin import Roles, SignIn, sign_in_with_auth
from eso.identity.context import SignInContext

__all__ = ["AWS", "ENDPOINTS", "AWSConnection"]

ENDPOINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "secretsmanager": "AWS_SECRETSMANAGER_ENDPOINT",
        "ssm": "AWS_SSM_ENDPOINT",
        "acm": "AWS_ACM_ENDPOINT",
        "resourcegroupstaggingapi": "AWS_RESOURCE_GROUPS_TAGGING_API_ENDPOINT",
        "sts": "AWS_STS_ENDPOINT",
        "ecr": "AWS_ECR_ENDPOINT",
        "ecr-public": "AWS_ECR_PUBLIC_ENDPOINT",
    }
)
"""Service of the SDK -> environment variable that replaces its endpoint. Source: ESO v2.9.0."""

_SHARED_DATA: Final = ("endpoints", "partitions", "sdk-default-configuration", "_retry")

_NO_FILES: Final = MappingProxyType(
    {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
)
"""Session settings that keep the operator's shared configuration files out."""


class AWS:
    """AWS for a whole process: the service descriptions of the SDK, loaded once, and the endpoint overrides.

    Args:
        environ: where endpoint overrides and AWS_CA_BUNDLE are looked up; None for the process environment.
        now: wall clock, for the end of sessions.
    """

    def __init__(
        self, environ: Mapping[str, str] | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.now = now
        self._environ = os.environ if environ is None else environ
        self._loader: Loader = create_loader()
        # At DEBUG the SDK logs bodies of requests and answers, at WARNING texts of AWS: both may hold secrets.
        for name in ("botocore", "aiobotocore"):
            logging.getLogger(name).setLevel(logging.CRITICAL)

    async def connect(
        self, context: SignInContext, sign_in: SignIn, retries: RetryPolicy | None = None
    ) -> AWSConnection:
        """A connection as an identity. References are resolved now, AWS is asked when credentials are first needed.

        Raises:
            EsoError: a reference cannot be resolved, or the identity cannot work.
        """
        ca = await self._ca()
        adapter = SessionAdapter(context.http(ca=ca))
        without_files = sign_in.auth is not None and sign_in.auth.jwt is not None
        try:
            session = AioSession(session_vars=dict(_NO_FILES) if without_files else None)
            sdk = aioboto3.Session(botocore_session=session)
            # After the SDK has made a loader of its own: this one is shared, and what it has read stays read.
            session.register_component("data_loader", self._loader)
            connection = AWSConnection(self, sdk, session, adapter, sign_in.region, retries or RetryPolicy())
            await connection.sign_in(sign_in, context)
        except BotoCoreError as err:
            raise InvalidSpecError(f"the AWS configuration cannot be used ({type(err).__name__})") from None
        return connection

    async def load(self, service: str) -> None:
        """Read the description of a service, away from the event loop."""

        def read() -> None:
            for name in _SHARED_DATA:
                self._loader.load_data(name)
            for kind in ("service-2", "endpoint-rule-set-1"):
                self._loader.load_service_model(service, kind)

        await asyncio.to_thread(read)

    def endpoint(self, service: str) -> str | None:
        """The endpoint that replaces the usual one of a service."""
        return self._environ.get(ENDPOINTS.get(service, "")) or None

    async def _ca(self) -> bytes | None:
        path = self._environ.get("AWS_CA_BUNDLE")
        if not path:
            return None
        try:
            return await asyncio.to_thread(Path(path).read_bytes)
        except OSError as err:
            raise InvalidSpecError(f"AWS_CA_BUNDLE cannot be read: {err.strerror}") from err


class AWSConnection:
    """An identity at AWS. Close it when it is not needed any more; made by `AWS.connect`."""

    def __init__(
        self,
        aws: AWS,
        sdk: aioboto3.Session,
        session: AioSession,
        adapter: SessionAdapter,
        region: str,
        retries: RetryPolicy,
    ) -> None:
        self._aws = aws
        self._sdk = sdk
        self._session = session
        self._adapter = adapter
        self._region = region
        self._retries = retries
        self._open = AsyncExitStack()
        self._credentials: Credentials

    async def sign_in(self, sign_in: SignIn, context: SignInContext) -> None:
        """Take on the identity; part of `AWS.connect`."""
        await self._aws.load("sts")
        base = await sign_in_with_auth(sign_in.auth, context, self._sts, self._aws.now, sign_in.session_name)
        if base is None:
            base = DefaultChain(self._session, self._region)
        self._credentials = Roles(self._sts, self._aws.now).on_top(base, sign_in)
        self._session.register_component("credential_provider", Provided(self._credentials))

    async def client(self, service: str, *, endpoint_override: bool = True) -> AWSClient:
        """A client of a service; closed with the connection.

        Args:
            service: in the SDK's spelling, for example `secretsmanager`.
            endpoint_override: whether the environment may replace the endpoint, see `ENDPOINTS`.

        Raises:
            InvalidSpecError: there is no such service in the region, or the endpoint is not a URL.
        """
        await self._aws.load(service)
        try:
            client = await self._open.enter_async_context(
                self._sdk.client(
                    service,
                    region_name=self._region,
                    endpoint_url=self._aws.endpoint(service) if endpoint_override else None,
                    config=self._config(),
                )
            )
        except (BotoCoreError, ValueError) as err:
            raise InvalidSpecError(
                f"no client for AWS {service} in region {self._region}: check the region and the endpoint"
                f" ({type(err).__name__})"
            ) from None
        return AWSClient(client, self._credentials, self._retries)

    async def keys(self) -> Keys:
        """The credentials of this moment.

        Raises:
            EsoError: signing in failed.
        """
        try:
            return await self._credentials.keys()
        except (ClientError, BotoCoreError) as err:
            raise error_of(err, "signing in to AWS") from None

    async def close(self) -> None:
        """Close the clients."""
        await self._open.aclose()

    @asynccontextmanager
    async def _sts(self, keys: Keys | None) -> AsyncIterator[AWSClient]:
        given: dict[str, Any] = {}
        if keys is not None:
            given = {
                "aws_access_key_id": keys.access_key,
                "aws_secret_access_key": keys.secret_key,
                "aws_session_token": keys.token,
            }
        config = self._config() if keys is not None else self._config(signature_version=UNSIGNED)
        async with self._sdk.client(
            "sts", region_name=self._region, endpoint_url=self._aws.endpoint("sts"), config=config, **given
        ) as client:
            yield AWSClient(client, None, self._retries)

    def _config(self, **settings: Any) -> AioConfig:
        return AioConfig(http_session_cls=self._adapter, retries={"total_max_attempts": 1}, **settings)
