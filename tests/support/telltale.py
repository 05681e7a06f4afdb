"""A provider of somebody else: the texts of its failures hold the secrets that they must not."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

import aiohttp
from pydantic import TypeAdapter

from eso.providers.base import (
    Capabilities,
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    StoreContext,
    ValidationResult,
)
from eso.values import SecretMap, SecretValue
from tests.support.canaries import Canaries
from tests.support.shelf import TokenProvider

__all__ = ["FAILURES", "TelltaleProvider"]


def _chained(secret: str) -> NoReturn:
    try:
        raise KeyError(secret)
    except KeyError as err:
        raise ConnectionError(secret) from err


def _context(secret: str) -> NoReturn:
    try:
        raise ValueError(secret)
    finally:
        raise AttributeError(secret)


def _noted(secret: str) -> NoReturn:
    err = RuntimeError(secret)
    err.add_note(f"while reading {secret}")
    raise err


def _grouped(secret: str) -> NoReturn:
    inner = ExceptionGroup(secret, [ValueError(secret), KeyError(secret)])
    raise ExceptionGroup(secret, [inner, OSError(5, secret)])


def _raise(err: Exception) -> NoReturn:
    raise err


FAILURES: Mapping[str, Any] = {
    "value": lambda secret: _raise(ValueError(secret)),
    "key": lambda secret: {}[secret],
    "type": lambda secret: _raise(TypeError(secret)),
    "os": lambda secret: _raise(OSError(13, "denied", secret)),
    "timeout": lambda secret: _raise(TimeoutError(secret)),
    "assertion": lambda secret: _raise(AssertionError(secret)),
    "syntax": lambda secret: compile(f"{secret} =", secret, "exec"),
    "unicode": lambda secret: (secret.encode() + b"\xff").decode(),
    "json": lambda secret: json.loads(secret),
    "model": lambda secret: TypeAdapter(dict[str, int]).validate_python({secret: secret}),
    "http": lambda secret: _raise(aiohttp.InvalidURL(secret)),
    "chained": _chained,
    "context": _context,
    "noted": _noted,
    "grouped": _grouped,
}


class _TelltaleClient(SecretsClient):
    def __init__(self, token: str, canary: Canaries) -> None:
        self._token = token
        self._canary = canary

    def _fail(self, how: str) -> NoReturn:
        secret = self._canary(how)
        FAILURES[how](secret + self._token)
        raise AssertionError(how)

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        if ref.key == "logged":
            try:
                self._fail("grouped")
            except ExceptionGroup:
                logging.getLogger("vendor.sdk").exception("the call failed")
            return SecretValue(self._token)
        if ref.key == "orphan":

            async def background() -> None:
                self._fail("value")

            orphan = asyncio.create_task(background())
            await asyncio.wait([orphan])
            del orphan
            gc.collect()
            return SecretValue(self._token)
        return self._fail(ref.key)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        self._fail(ref.key)

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        self._fail(entry.remote.remote_key)

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        self._fail("value")

    async def validate(self) -> ValidationResult:
        return ValidationResult.READY


class TelltaleProvider(TokenProvider):
    """Fails as the key says and tells a canary and the token of its store; the token `login` fails the sign-in."""

    name: ClassVar[str] = "doppler"
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE

    def __init__(self, canary: Canaries) -> None:
        self._canary = canary

    async def new_client(self, spec: Any, context: StoreContext) -> SecretsClient:
        inner = await super().new_client(spec, context)
        token = (await inner.get_secret(RemoteRef("token"))).reveal_text()
        if "login" in token:
            _grouped(token)
        return _TelltaleClient(token, self._canary)
