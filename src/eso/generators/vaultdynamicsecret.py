"""VaultDynamicSecret: credentials that HashiCorp Vault or OpenBao make on demand."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from eso.api.generators_v1alpha1.vaultdynamicsecret import VaultDynamicSecretSpec
from eso.api.vault_v1 import VaultSpec
from eso.errors import InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.generators.base import Generated, Generator, GeneratorContext
from eso.generators.members import members_of
from eso.identity.vault import VaultConnection, connect

__all__ = ["VaultDynamicSecretGenerator"]

_READS: Final = ("GET", "LIST")
_WHAT: Final = "asking Vault for a dynamic secret"


class VaultDynamicSecretGenerator(Generator[VaultDynamicSecretSpec]):
    """Signs in and makes one request; its answer is the secret. Leases are neither recorded nor revoked: they end by themselves.

    Args:
        environ: where the operator's own Vault token is looked up; None for the process environment.
    """

    kind = "VaultDynamicSecret"
    spec_type = VaultDynamicSecretSpec

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    async def generate(self, spec: VaultDynamicSecretSpec, context: GeneratorContext) -> Generated:
        """The members of `data`, of `auth` or of the whole answer, as `spec.resultType` says.

        Raises:
            InvalidSpecError: the provider block or the parameters are wrong.
            ProviderError: Vault refused, or gave no answer where one is needed.
        """
        connection = await connect(
            _provider(spec),
            context,
            calls=context.calls("HashiCorp/Vault"),
            retry_settings=spec.retry_settings,
            environ=self._environ,
        )
        revoke = False
        try:
            answer = await _asked(connection, spec)
            # With the token end the leases and tokens that were made with it: it is revoked only if there are none.
            revoke = not answer.get("lease_id") and not answer.get("auth")
        finally:
            await connection.close(revoke=revoke)
        if not answer:
            if spec.allow_empty_response:
                return Generated({})
            raise ProviderError(f"{_WHAT}: the answer is empty; set spec.allowEmptyResponse if that is expected")
        return Generated(members_of(_chosen(spec, answer)))


def _provider(spec: VaultDynamicSecretSpec) -> VaultSpec:
    if not spec.provider:
        raise InvalidSpecError("spec.provider must be set")
    try:
        return VaultSpec.model_validate(spec.provider)
    except ValidationError as err:
        first = err.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, ("spec.provider", *first["loc"])))
        raise InvalidSpecError(f"{place}: {first['msg']}") from None


async def _asked(connection: VaultConnection, spec: VaultDynamicSecretSpec) -> dict[str, Any]:
    """The answer; empty when there is none."""
    method = spec.method or "GET"
    body = None
    if method not in (*_READS, "DELETE"):
        # Vault knows no other way to write.
        method = "PUT"
        if spec.parameters is not None and not isinstance(spec.parameters, Mapping):
            raise InvalidSpecError("spec.parameters must be an object")
        body = dict(spec.parameters or {})
    query = spec.get_parameters if method in _READS else None
    try:
        return await connection.session.authorized(
            lambda token: connection.transport.request(
                method, spec.path, _WHAT, token=token.value, body=body, query=query
            )
        )
    except NoSecretError as err:
        if method in _READS:
            return {}
        raise InvalidRequestError(str(err)) from err


def _chosen(spec: VaultDynamicSecretSpec, answer: dict[str, Any]) -> Mapping[str, Any]:
    if spec.result_type == "Raw":
        return answer
    name = "auth" if spec.result_type == "Auth" else "data"
    found = answer.get(name)
    if isinstance(found, Mapping):
        return found
    if name == "data" and found is None:
        return {}
    raise ProviderError(f'{_WHAT}: the answer has no "{name}" object')
