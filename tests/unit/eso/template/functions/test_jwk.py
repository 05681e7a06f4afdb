"""JSON Web Keys of every kind Go takes, and the ones it refuses."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from eso.template.gotext.function import FunctionError
from tests.support.certificates import PEM, call


def digits(data: bytes | int) -> str:
    if isinstance(data, int):
        data = data.to_bytes((data.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _keys() -> dict[str, dict[str, Any]]:
    rsa_key = load_pem_private_key(PEM["rsa8"].encode(), None)
    ec_key = load_pem_private_key(PEM["ec8"].encode(), None)
    ed_key = load_pem_private_key(PEM["ed8"].encode(), None)
    assert isinstance(rsa_key, rsa.RSAPrivateKey)
    assert isinstance(ec_key, ec.EllipticCurvePrivateKey)
    assert isinstance(ed_key, ed25519.Ed25519PrivateKey)
    r, e = rsa_key.private_numbers(), ec_key.private_numbers()
    return {
        "rsa8": {
            "kty": "RSA", "n": digits(r.public_numbers.n), "e": "AQAB", "d": digits(r.d), "p": digits(r.p), "q": digits(r.q),
            "dp": digits(r.dmp1), "dq": digits(r.dmq1), "qi": digits(r.iqmp),
        },
        "ec8": {
            "kty": "EC", "crv": "P-256", "x": digits(e.public_numbers.x), "y": digits(e.public_numbers.y), "d": digits(e.private_value),
        },
        "ed8": {
            "kty": "OKP", "crv": "Ed25519", "x": digits(ed_key.public_key().public_bytes_raw()), "d": digits(ed_key.private_bytes_raw()),
        },
    }  # fmt: skip


KEYS = _keys()
PRIVATE = ("d", "p", "q", "dp", "dq", "qi")


def public(name: str, **changes: Any) -> str:
    members = {key: value for key, value in KEYS[name].items() if key not in PRIVATE}
    return json.dumps({key: value for key, value in (members | changes).items() if value is not ...})


def private(name: str, **changes: Any) -> str:
    return json.dumps({key: value for key, value in (KEYS[name] | changes).items() if value is not ...})


@pytest.mark.parametrize("member", ["alg", "kid", "use", "key_ops", "x5u", "x5t", "x5c"])
def test_null_is_absent(member: str) -> None:
    assert call("jwkPrivateKeyPem", private("ec8", **{member: None})) == PEM["ec8"]


@pytest.mark.parametrize("name", KEYS)
def test_private_key(name: str) -> None:
    assert call("jwkPrivateKeyPem", private(name, use="sig", kid="1", foo=[1])) == PEM[name]


def test_rsa_key_without_exponents() -> None:
    assert call("jwkPrivateKeyPem", private("rsa8", dp=..., dq=..., qi=...)) == PEM["rsa8"]


@pytest.mark.parametrize("name", KEYS)
def test_public_key(name: str) -> None:
    key = load_pem_private_key(PEM[name].encode(), None).public_key()
    expected = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert call("jwkPublicKeyPem", public(name)) == expected


def test_other_base64() -> None:
    padded = KEYS["rsa8"]["n"].replace("-", "+").replace("_", "/") + "=="
    assert call("jwkPublicKeyPem", public("rsa8", n=padded)) == call("jwkPublicKeyPem", public("rsa8"))


@pytest.mark.parametrize(
    "text",
    [
        *[private(name) for name in KEYS],
        public("rsa8", n=...),
        public("rsa8", n="!!"),
        public("rsa8", n=5),
        public("rsa8", alg=5),
        public("rsa8", key_ops="verify"),
        public("ec8", y=...),
        public("ec8", y=digits(7)),
        public("ec8", crv="P-384"),
        public("ec8", crv=...),
        public("ed8", crv="X25519"),
        public("ed8", crv="foo"),
        '{"kty":"oct","k":"AAAA"}',
        '{"kty":"XYZ"}',
        '{"kty":5}',
        json.dumps({"keys": [KEYS["rsa8"]]}),
        "{}",
        "[]",
        "null",
        "",
        "{",
    ],
)
def test_no_public_key(text: str) -> None:
    with pytest.raises(FunctionError):
        call("jwkPublicKeyPem", text)


@pytest.mark.parametrize(
    "text",
    [
        *[public(name) for name in KEYS],
        private("rsa8", p=..., q=...),
        private("rsa8", d="AQAB"),
        private("rsa8", dp="AQAB"),
        private("ed8", d=digits(bytes(32))),
        private("ed8", crv="X25519"),
        '{"kty":"oct","k":"AAAA","d":"AAAA"}',
        "x",
    ],
)
def test_no_private_key(text: str) -> None:
    with pytest.raises(FunctionError):
        call("jwkPrivateKeyPem", text)


def test_messages_hold_no_member() -> None:
    with pytest.raises(FunctionError) as caught:
        call("jwkPrivateKeyPem", private("rsa8", d="!secret!"))
    assert "secret" not in str(caught.value)
