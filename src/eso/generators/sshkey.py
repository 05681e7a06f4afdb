"""SSHKey: SSH key pairs in OpenSSH's formats."""

from __future__ import annotations

import asyncio
import base64
import struct
import textwrap
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from eso.api.generators_v1alpha1.sshkey import SSHKeySpec
from eso.errors import InvalidSpecError
from eso.generators.base import Generated, Generator, GeneratorContext
from eso.values import wrap_all

__all__ = ["SSHKeyGenerator"]

_MAGIC: Final = b"openssh-key-v1\0"
_BLOCK: Final = 8
"""Bytes to whose multiple an unencrypted key is padded; source: OpenSSH PROTOCOL.key."""

_FIELDS: Final = {b"ssh-rsa": 6, b"ssh-ed25519": 2}
_ECDSA_FIELDS: Final = 3
"""Fields of a private key between its type and its comment."""

_RSA_BITS: Final = 2048
_CURVES: Final[Mapping[int, ec.EllipticCurve]] = MappingProxyType(
    {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}
)

_Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class SSHKeyGenerator(Generator[SSHKeySpec]):
    """Makes a key pair: `privateKey` (OpenSSH PEM, not encrypted) and `publicKey` (a line for authorized_keys)."""

    kind = "SSHKey"
    spec_type = SSHKeySpec

    async def generate(self, spec: SSHKeySpec, context: GeneratorContext) -> Generated:
        """A new pair.

        Raises:
            InvalidSpecError: type or size are not possible, or the comment has more than one line.
        """
        comment = (spec.comment or "").encode()
        if b"\n" in comment or b"\r" in comment:
            raise InvalidSpecError("spec.comment must be a single line")
        # A long RSA key takes seconds.
        key = await asyncio.to_thread(_made, spec)
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        line = public + (b" " + comment if comment else b"") + b"\n"
        return Generated(wrap_all({"privateKey": _private_pem(key, comment), "publicKey": line}))


def _made(spec: SSHKeySpec) -> _Key:
    if spec.key_type == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if spec.key_type == "ecdsa":
        return ec.generate_private_key(_CURVES.get(spec.key_size or 256, _CURVES[256]))
    if spec.key_type not in ("rsa", ""):
        raise InvalidSpecError("spec.keyType must be rsa, ecdsa or ed25519")
    try:
        return rsa.generate_private_key(public_exponent=65537, key_size=spec.key_size or _RSA_BITS)
    except ValueError as err:
        raise InvalidSpecError(f"spec.keySize: an RSA key of {spec.key_size} bits is not possible") from err


def _private_pem(key: _Key, comment: bytes) -> bytes:
    """The private key with its comment, which the library cannot write, put in its place."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    blob = base64.b64decode(b"".join(pem.splitlines()[1:-1]))
    at = len(_MAGIC)
    for _ in range(3):  # cipher, key derivation and its options: all "none"
        _, at = _string(blob, at)
    at += 4  # number of keys: one
    _, at = _string(blob, at)
    section, _ = _string(blob, at)
    lines = textwrap.wrap(base64.b64encode(blob[:at] + _packed(_with_comment(section, comment))).decode(), 64)
    return "\n".join(["-----BEGIN OPENSSH PRIVATE KEY-----", *lines, "-----END OPENSSH PRIVATE KEY-----", ""]).encode()


def _with_comment(section: bytes, comment: bytes) -> bytes:
    kind, at = _string(section, 8)  # after the check number, which stands there twice
    for _ in range(_FIELDS.get(kind, _ECDSA_FIELDS)):
        _, at = _string(section, at)
    body = section[:at] + _packed(comment)
    return body + bytes(range(1, -len(body) % _BLOCK + 1))


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    """The length-prefixed text at a position, and the position after it."""
    (size,) = struct.unpack_from(">I", data, at)
    return data[at + 4 : at + 4 + size], at + 4 + size


def _packed(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data
