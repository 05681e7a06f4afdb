"""How the generators for AWS sign in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from eso.api.identity_v1 import AWSAuth
from eso.errors import InvalidSpecError
from eso.generators.base import GeneratorContext
from eso.identity.aws import AWS, AWSConnection, SignIn

__all__ = ["connected"]


@asynccontextmanager
async def connected(
    aws: AWS, context: GeneratorContext, *, region: str, auth: AWSAuth | None, role: str | None
) -> AsyncIterator[AWSConnection]:
    """A connection as the identity of a spec; static keys come before a ServiceAccount.

    Raises:
        EsoError: the region is missing, or a reference cannot be resolved.
    """
    if not region:
        raise InvalidSpecError("spec.region must be set")
    if auth is not None and auth.jwt is not None and _has_keys(auth):
        auth = auth.model_copy(update={"jwt": None})
    connection = await aws.connect(context, SignIn(region=region, auth=auth, role=role))
    try:
        yield connection
    finally:
        await connection.close()


def _has_keys(auth: AWSAuth) -> bool:
    keys = auth.secret_ref
    return keys is not None and None not in (keys.access_key_id_secret_ref, keys.secret_access_key_secret_ref)
