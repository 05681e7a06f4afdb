"""The provider `volcengine`."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, ClassVar, Final

from pydantic import BaseModel

from eso.api.meta_v1 import SecretKeySelector
from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_referent
from eso.providers.volcengine.api import VolcengineAPI
from eso.providers.volcengine.auth import Assumed, Credentials, Fixed, Surroundings, keys_of
from eso.providers.volcengine.client import VolcengineClient
from eso.providers.volcengine.spec import VolcengineAuthSecretRef, VolcengineSpec
from eso.providers.volcengine.transport import Transport

__all__ = ["VolcengineProvider"]

_REGION: Final = re.compile(r"[A-Za-z0-9-]+")
_NO_REFERENCE: Final = "SecretRef is required when using static credentials: set auth.secretRef, or remove auth"


class VolcengineProvider(Provider[VolcengineSpec]):
    """Secrets of Volcengine's key management service.

    Args:
        around: where the operator runs and Volcengine is; None for the process's own surroundings.
    """

    name: ClassVar[str] = "volcengine"
    spec_type: ClassVar[type[BaseModel]] = VolcengineSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    def __init__(self, around: Surroundings | None = None) -> None:
        self._around = around or Surroundings()

    async def new_client(self, spec: VolcengineSpec, context: StoreContext) -> SecretsClient:
        """A client; the operator's Pod assumes its role with the first read."""
        _check(spec)
        transport = Transport(context.http(), pause=self._around.pause)
        calls = context.calls("Volcengine/KMS")
        credentials: Credentials
        if spec.auth is not None and spec.auth.secret_ref is not None:
            credentials = Fixed(await keys_of(spec.auth.secret_ref, context))
        else:

            def counted(send: Callable[[], Awaitable[Any]]) -> Awaitable[Any]:
                return calls.write("AssumeRoleWithOIDC", send)

            credentials = Assumed(transport, self._around, counted)
        return VolcengineClient(VolcengineAPI(transport, credentials, calls, spec.region, self._around))

    def validate_store(self, spec: VolcengineSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """Region and references."""
        _check(spec)
        for field, selector in _selectors(spec):
            try:
                check_referent(selector, store_kind=store_kind, store_namespace=store_namespace)
            except InvalidSpecError as err:
                raise InvalidSpecError(f"invalid {field}: {err}") from err
        return ()

    def is_referent(self, spec: VolcengineSpec) -> bool:
        """Whether a reference leaves its namespace to the consumer."""
        return any(selector.namespace is None for _, selector in _selectors(spec))


def _check(spec: VolcengineSpec) -> None:
    if not spec.region:
        raise InvalidSpecError("region is required")
    if not _REGION.fullmatch(spec.region):
        raise InvalidSpecError("region is not the name of a region, such as cn-beijing")
    if spec.auth is not None and spec.auth.secret_ref is None:
        raise InvalidSpecError(_NO_REFERENCE)


def _selectors(spec: VolcengineSpec) -> Iterator[tuple[str, SecretKeySelector]]:
    refs: VolcengineAuthSecretRef | None = spec.auth.secret_ref if spec.auth is not None else None
    if refs is None:
        return
    yield "AccessKeyID", refs.access_key_id
    yield "SecretAccessKey", refs.secret_access_key
    if refs.token is not None:
        yield "Token", refs.token
