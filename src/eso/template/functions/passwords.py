"""Password hashes and derived passwords."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

import bcrypt

from eso.template.gotext.values import to_bytes

__all__ = ["bcrypt_hash", "derive_password", "htpasswd"]

_COST: Final = 10
_LONGEST: Final = 72

_SEED: Final = b"com.lyndir.masterpassword"
_TEMPLATES: Final = {
    "maximum": ("anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"),
    "long": (
        "CvcvnoCvcvCvcv", "CvcvCvcvnoCvcv", "CvcvCvcvCvcvno", "CvccnoCvcvCvcv", "CvccCvcvnoCvcv", "CvccCvcvCvcvno",
        "CvcvnoCvccCvcv", "CvcvCvccnoCvcv", "CvcvCvccCvcvno", "CvcvnoCvcvCvcc", "CvcvCvcvnoCvcc", "CvcvCvcvCvccno",
        "CvccnoCvccCvcv", "CvccCvccnoCvcv", "CvccCvccCvcvno", "CvcvnoCvccCvcc", "CvcvCvccnoCvcc", "CvcvCvccCvccno",
        "CvccnoCvcvCvcc", "CvccCvcvnoCvcc", "CvccCvcvCvccno",
    ),
    "medium": ("CvcnoCvc", "CvcCvcno"),
    "short": ("Cvcn",),
    "basic": ("aaanaaan", "aannaaan", "aaannaaa"),
    "pin": ("nnnn",),
}  # fmt: skip
"""Patterns of the kinds of passwords, and the characters of each class. Source: the Master Password algorithm."""

_CLASSES: Final = {
    "V": "AEIOU",
    "C": "BCDFGHJKLMNPQRSTVWXYZ",
    "v": "aeiou",
    "c": "bcdfghjklmnpqrstvwxyz",
    "A": "AEIOUBCDFGHJKLMNPQRSTVWXYZ",
    "a": "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
    "n": "0123456789",
    "o": "@&%?,=[]_:-+*$#!'^~;()/.",
    "x": "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
}


def bcrypt_hash(password: str) -> str:
    """The bcrypt hash of a password, cost 10; the text of an error for more than 72 bytes."""
    data = to_bytes(password)
    if len(data) > _LONGEST:
        return "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes"
    return bcrypt.hashpw(data, bcrypt.gensalt(_COST, prefix=b"2a")).decode("ascii")


def htpasswd(user: str, password: str, algorithm: str) -> str:
    """A line of an htpasswd file, with bcrypt or, for `sha`, SHA-1; the text of an error for a user with a colon."""
    if ":" in user:
        return f"invalid username: {user}"
    if algorithm == "sha":
        digest = hashlib.sha1(to_bytes(password), usedforsecurity=False).digest()
        return f"{user}:{{SHA}}{base64.b64encode(digest).decode('ascii')}"
    return f"{user}:{bcrypt_hash(password)}"


def derive_password(counter: int, kind: str, password: str, user: str, site: str) -> str:
    """The password of the Master Password algorithm for a site; the text of an error for an unknown kind."""
    templates = _TEMPLATES.get(kind)
    if templates is None:
        return f"cannot find password template {kind}"
    name = to_bytes(user)
    salt = _SEED + len(name).to_bytes(4, "big") + name
    key = hashlib.scrypt(to_bytes(password), salt=salt, n=32768, r=8, p=2, maxmem=1 << 26, dklen=64)
    where = to_bytes(site)
    message = _SEED + len(where).to_bytes(4, "big") + where + counter.to_bytes(4, "big")
    seed = hmac.digest(key, message, "sha256")
    template = templates[seed[0] % len(templates)]
    characters = [_CLASSES[place][byte % len(_CLASSES[place])] for place, byte in zip(template, seed[1:], strict=False)]
    return "".join(characters)
