"""OpenPGP: an unlocked private key that decrypts messages, in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar

import pysequoia

from eso.errors import InvalidSpecError, ProviderError
from eso.values import SecretValue

__all__ = ["PrivateKey"]

T = TypeVar("T")

_AT_ONCE: Final = 2
"""Decryptions of one key side by side: they hold the interpreter, so more of them would only fill the pool of threads."""


class _PanicError(Exception):
    """The library met something that it did not foresee; what took part in the call cannot be used any more."""


class PrivateKey:
    """A private key that is unlocked; see `unlocked`.

    Attributes:
        fingerprint: in hexadecimal, lower case.
    """

    def __init__(
        self, key: pysequoia.Tsk, passphrase: SecretValue, fingerprint: str, decryptor: pysequoia.PyDecryptor
    ) -> None:
        self.fingerprint = fingerprint
        self._key = key
        self._passphrase = passphrase
        self._decryptor = decryptor
        self._limit = asyncio.Semaphore(_AT_ONCE)

    @classmethod
    async def unlocked(cls, armored: SecretValue, passphrase: SecretValue, what: str) -> PrivateKey:
        """Read a key and unlock it; a passphrase of a key that has none does not matter.

        Args:
            armored: the key.
            passphrase: that protects it; may be empty.
            what: the key in our own words, for messages.

        Raises:
            InvalidSpecError: it is no private key for decryption, or the passphrase is not its own.
        """
        return await asyncio.to_thread(cls._unlocked, armored, passphrase, what)

    @classmethod
    def _unlocked(cls, armored: SecretValue, passphrase: SecretValue, what: str) -> PrivateKey:
        try:
            key = _called(pysequoia.Tsk.from_bytes, armored.reveal())
            fingerprint = key.extract_certificate().fingerprint.lower()
        except (RuntimeError, _PanicError):
            raise InvalidSpecError(f"{what} is not an armored OpenPGP private key") from None
        try:
            return cls(key, passphrase, fingerprint, _decryptor(key, passphrase))
        except (RuntimeError, _PanicError, UnicodeEncodeError):
            reason = (
                "the passphrase does not unlock it"
                if _can_encrypt(key)
                else "it has no subkey for encryption that counts"
            )
            raise InvalidSpecError(f"{what} cannot be used: {reason}") from None

    async def decrypt(self, message: str, what: str) -> SecretValue:
        """The content of an armored message. Signatures are not looked at: who may share a resource may have signed it.

        Raises:
            ProviderError: it is not for this key, or damaged.
        """
        async with self._limit:
            content = await asyncio.to_thread(self._opened, message.encode())
        if content is None:
            raise ProviderError(
                f"{what}: the answer holds a message that the OpenPGP key {self.fingerprint} cannot open"
            )
        return content

    def _opened(self, message: bytes) -> SecretValue | None:
        try:
            return _content(message, self._decryptor)
        except RuntimeError:
            return None
        except _PanicError:
            # Perhaps not this message, but another one before it has spoilt the decryptor.
            return self._opened_afresh(message)

    def _opened_afresh(self, message: bytes) -> SecretValue | None:
        """With a decryptor of its own, which takes the place of the shared one."""
        own = _decryptor(self._key, self._passphrase)
        try:
            content = _content(message, own)
        except RuntimeError:
            content = None
        except _PanicError:
            own, content = _decryptor(self._key, self._passphrase), None
        self._decryptor = own
        return content


def _called(function: Callable[..., T], *args: Any, **options: Any) -> T:
    """Call the library; to be run in a thread other than the main one.

    Raises:
        RuntimeError: it refuses.
        _PanicError: it panicked.
    """
    try:
        return function(*args, **options)
    except (RuntimeError, UnicodeEncodeError):
        raise
    except BaseException:  # noqa: BLE001 - a panic of Rust is no Exception, and its class cannot be imported
        raise _PanicError from None


def _content(message: bytes, decryptor: pysequoia.PyDecryptor) -> SecretValue | None:
    content = _called(pysequoia.decrypt, message, decryptor=decryptor).bytes
    return None if content is None else SecretValue(content)


def _decryptor(key: pysequoia.Tsk, passphrase: SecretValue) -> pysequoia.PyDecryptor:
    try:
        return _called(key.decryptor)
    except RuntimeError:
        # It is locked.
        return _called(key.decryptor, passphrase.reveal_text())


def _can_encrypt(key: pysequoia.Tsk) -> bool:
    """Whether there is a subkey for encryption, bound by a signature that is good enough (not SHA-1)."""
    try:
        _called(pysequoia.encrypt, b"", recipients=[key.extract_certificate()])
    except (RuntimeError, _PanicError):
        return False
    return True
