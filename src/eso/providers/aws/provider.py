"""The provider `aws`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar, Final

from pydantic import BaseModel

from eso.errors import InvalidSpecError
from eso.identity.aws import AWS, AWSConnection, RetryPolicy, SignIn
from eso.providers.aws.certificatemanager import CertificateManagerClient
from eso.providers.aws.certificatemanager_api import CertificateManagerAPI
from eso.providers.aws.parameterstore import ParameterStoreClient
from eso.providers.aws.parameterstore_api import ParameterStoreAPI
from eso.providers.aws.secretsmanager import SecretsManagerClient
from eso.providers.aws.secretsmanager_api import SecretsManagerAPI
from eso.providers.aws.secretsmanager_push import SecretPusher
from eso.providers.aws.spec import AWSSpec, SecretsManager
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_referent, retry_policy

__all__ = ["AWSProvider"]

_REGION: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)

_RESERVED_TAGS: Final = ("esoNamespace", "esoStoreName", "esoStoreKind")

_LIMITS: Final[Mapping[str, tuple[float, int]]] = {
    "SecretsManager": (100.0, 100),
    "ParameterStore": (40.0, 40),
    "CertificateManager": (10.0, 10),
}
"""Calls per second and at once. Source: the default quotas of AWS for BatchGetSecretValue and ListSecrets (GetSecretValue alone
allows more), for GetParameter at standard throughput, and for the calls of ACM that read one certificate."""


class AWSProvider(Provider[AWSSpec]):
    """Secrets Manager, Parameter Store and Certificate Manager.

    Args:
        environ: where endpoint overrides are looked up; None for the process environment.
        now: wall clock, for the end of sessions.
    """

    name: ClassVar[str] = "aws"
    spec_type: ClassVar[type[BaseModel]] = AWSSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE
    batches: ClassVar[bool] = True

    def __init__(
        self, environ: Mapping[str, str] | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._aws = AWS(environ, now)

    def rate_limit_of(self, spec: AWSSpec) -> tuple[float, int] | None:
        """What AWS allows an account of the service by default."""
        return _LIMITS.get(spec.service)

    async def new_client(self, spec: AWSSpec, context: StoreContext) -> SecretsClient:
        """A client of the service; AWS is first asked when it is used."""
        _check_service(spec)
        connection = await self._aws.connect(context, _sign_in(spec, context), _retries(context))
        try:
            return await _client(spec, context, connection)
        except BaseException:
            await connection.close()
            raise

    def validate_store(self, spec: AWSSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """The service, the region, the rules of deletion, and where selectors point."""
        _check_service(spec)
        if not spec.region:
            raise InvalidSpecError("region must be set")
        if not _REGION.fullmatch(spec.region):
            raise InvalidSpecError(f"region {spec.region!r} is not valid: it must be a host label such as eu-central-1")
        _check_deletion(spec.secrets_manager)
        if spec.auth is not None:
            if spec.auth.secret_ref is not None:
                keys = spec.auth.secret_ref
                for selector in (
                    keys.access_key_id_secret_ref,
                    keys.secret_access_key_secret_ref,
                    keys.session_token_secret_ref,
                ):
                    check_referent(selector, store_kind=store_kind, store_namespace=store_namespace)
            if spec.auth.jwt is not None:
                check_referent(
                    spec.auth.jwt.service_account_ref, store_kind=store_kind, store_namespace=store_namespace
                )
        return ()

    def is_referent(self, spec: AWSSpec) -> bool:
        """Whether a selector leaves its namespace to the consumer, or the session is tagged with the consumer's namespace."""
        if spec.role and spec.session_tags_policy != "None":
            return True
        if spec.auth is None:
            return False
        if spec.auth.jwt is not None and spec.auth.jwt.service_account_ref is not None:
            return spec.auth.jwt.service_account_ref.namespace is None
        keys = spec.auth.secret_ref
        selectors = (
            ()
            if keys is None
            else (
                keys.access_key_id_secret_ref,
                keys.secret_access_key_secret_ref,
                keys.session_token_secret_ref,
            )
        )
        return any(selector is not None and selector.namespace is None for selector in selectors)


async def _client(spec: AWSSpec, context: StoreContext, connection: AWSConnection) -> SecretsClient:
    prefix = spec.prefix or ""
    calls = context.calls(f"AWS/{spec.service}")
    if spec.service == "ParameterStore":
        return ParameterStoreClient(connection, ParameterStoreAPI(await connection.client("ssm"), calls), prefix)
    if spec.service == "CertificateManager":
        acm, tagging = await connection.client("acm"), await connection.client("resourcegroupstaggingapi")
        return CertificateManagerClient(connection, CertificateManagerAPI(acm, tagging, calls), prefix)
    secrets = SecretsManagerAPI(await connection.client("secretsmanager"), calls)
    pusher = SecretPusher(secrets, context, spec.secrets_manager)
    return SecretsManagerClient(connection, secrets, pusher, prefix)


def _check_service(spec: AWSSpec) -> None:
    # The API server enforces the enumeration; objects from elsewhere reach this unchecked.
    if spec.service not in _LIMITS:
        raise InvalidSpecError(f"unknown service {spec.service}: use one of {', '.join(_LIMITS)}")


def _check_deletion(settings: SecretsManager | None) -> None:
    if settings is None:
        return
    days = settings.recovery_window_in_days or 0
    if settings.force_delete_without_recovery and days:
        raise InvalidSpecError(
            "secretsManager: forceDeleteWithoutRecovery and recoveryWindowInDays conflict, set only one of them"
        )
    if days and not 7 <= days <= 30:
        raise InvalidSpecError("secretsManager: recoveryWindowInDays must be between 7 and 30 days")


def _sign_in(spec: AWSSpec, context: StoreContext) -> SignIn:
    return SignIn(
        region=spec.region,
        auth=spec.auth,
        additional_roles=spec.additional_roles or (),
        role=spec.role,
        external_id=spec.external_id,
        session_tags=_session_tags(spec, context) if spec.role else {},
        transitive_tag_keys=spec.transitive_tag_keys or (),
    )


def _session_tags(spec: AWSSpec, context: StoreContext) -> dict[str, str]:
    if spec.session_tags_policy == "None":
        return {tag.key: tag.value for tag in spec.session_tags or ()}
    # Asking for the namespace makes this a client of that namespace alone.
    tags = {
        "esoNamespace": context.consumer_namespace,
        "esoStoreName": context.store_name,
        "esoStoreKind": context.store_kind,
    }
    if spec.session_tags_policy == "Custom":
        own = (spec.custom_session_tags or {}).items()
        tags |= {key: value for key, value in own if key and value and key not in _RESERVED_TAGS}
    return tags


def _retries(context: StoreContext) -> RetryPolicy:
    if context.retry_settings is None:
        return RetryPolicy()
    attempts, interval = retry_policy(context.retry_settings, retries=RetryPolicy().attempts, interval=0.0)
    return RetryPolicy(attempts=max(1, attempts), interval=interval or None)
