"""OpenPGP: an unlocked private key that decrypts messages, in a thread."""

from __future__ import annotations

import asyncio
from typing import Final

import pysequoia

from eso.errors import InvalidSpecError, ProviderError
from eso.values import SecretValue

__all__ = ["PrivateKey"]

_AT_ONCE: Final = 2
"""Decryptions of one key side by side: they hold the interpreter, so more of them would only fill the pool of threads."""


class PrivateKey:
    """A private key that is unlocked; see `unlocked`.

    Attributes:
        fingerprint: in hexadecimal, lower case.
    """

    def __init__(self, fingerprint: str, decryptor: pysequoia.PyDecryptor) -> None:
        self.fingerprint = fingerprint
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
        try:
            key = await asyncio.to_thread(pysequoia.Tsk.from_bytes, armored.reveal())
        except RuntimeError:
            raise InvalidSpecError(f"{what} is not an armored OpenPGP private key") from None
        fingerprint = key.extract_certificate().fingerprint.lower()
        return cls(fingerprint, await asyncio.to_thread(_decryptor, key, passphrase, what))

    async def decrypt(self, message: str, what: str) -> SecretValue:
        """The content of an armored message. Signatures are not looked at: who may share a resource may have signed it.

        Raises:
            ProviderError: it is not for this key, or damaged.
        """
        async with self._limit:
            return await asyncio.to_thread(self._opened, message, what)

    def _opened(self, message: str, what: str) -> SecretValue:
        try:
            content = pysequoia.decrypt(message.encode(), decryptor=self._decryptor).bytes
        except RuntimeError:
            content = None
        if content is None:
            raise ProviderError(
                f"{what}: the answer holds a message that the OpenPGP key {self.fingerprint} cannot open"
            )
        return SecretValue(content)


def _decryptor(key: pysequoia.Tsk, passphrase: SecretValue, what: str) -> pysequoia.PyDecryptor:
    try:
        return key.decryptor()
    except RuntimeError:
        pass  # It is locked.
    try:
        return key.decryptor(passphrase.reveal_text())
    except (RuntimeError, UnicodeEncodeError):
        reason = (
            "the passphrase does not unlock it" if _can_encrypt(key) else "it has no subkey for encryption that counts"
        )
        raise InvalidSpecError(f"{what} cannot be used: {reason}") from None


def _can_encrypt(key: pysequoia.Tsk) -> bool:
    """Whether there is a subkey for encryption, bound by a signature that is good enough (not SHA-1)."""
    try:
        pysequoia.encrypt(b"", recipients=[key.extract_certificate()])
    except RuntimeError:
        return False
    return True
