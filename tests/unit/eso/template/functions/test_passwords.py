"""Password hashes, derived passwords, encryption with a password, RSA decryption."""

from __future__ import annotations

import base64

import bcrypt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from eso.template.gotext.function import FunctionError
from eso.template.gotext.values import from_bytes, to_bytes
from tests.support.certificates import PEM, call


@pytest.mark.parametrize("password", ["a", "", "pässword", "x" * 72])
def test_bcrypt(password: str) -> None:
    hashed = call("bcrypt", password)
    assert hashed.startswith("$2a$10$")
    assert bcrypt.checkpw(password.encode(), hashed.encode())


def test_bcrypt_of_a_long_password_is_a_message() -> None:
    assert call("bcrypt", "x" * 73) == "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes"


def test_htpasswd() -> None:
    assert call("htpasswd", "u", "p", "sha") == "u:{SHA}UWuXg/ylF+7L0dBk2i0WUxCxl1k="
    user, _, hashed = call("htpasswd", "u", "p", "bcrypt").partition(":")
    assert user == "u"
    assert bcrypt.checkpw(b"p", hashed.encode())
    assert call("htpasswd", "u:v", "p", "sha") == "invalid username: u:v"


@pytest.mark.parametrize(
    ("counter", "kind", "expected"),
    [
        (1, "maximum", "pf4zS1LjCg&LjhsZ7T2~"),
        (4294967295, "maximum", "W2?kVs8oRAa(!x4YGj!a"),
        (1, "long", "ZedaFaxcZaso9*"),
        (4294967295, "long", "HiqwSats7@Suwe"),
        (1, "medium", "ZedJuz8$"),
        (4294967295, "medium", "Hiq8%Fus"),
        (1, "short", "Zed5"),
        (4294967295, "short", "Hiq8"),
        (1, "basic", "pIS54PLs"),
        (4294967295, "basic", "WJ58tsw4"),
        (1, "pin", "6685"),
        (4294967295, "pin", "1258"),
        (1, "nope", "cannot find password template nope"),
        (4294967295, "nope", "cannot find password template nope"),
    ],
)
def test_derived_password(counter: int, kind: str, expected: str) -> None:
    assert call("derivePassword", counter, kind, "password", "user", "example.com") == expected


@pytest.mark.parametrize("password", ["k", "", "x" * 40, "é"])
@pytest.mark.parametrize("text", ["a", "0123456789abcdef", "héllo\n" * 9, "\udcff"])
def test_aes_round_trip(password: str, text: str) -> None:
    encrypted = call("encryptAES", password, text)
    assert len(base64.b64decode(encrypted)) == 16 + (len(to_bytes(text)) // 16 + 1) * 16
    assert call("decryptAES", password, encrypted) == text


def test_aes_of_go() -> None:
    assert (
        call(
            "decryptAES",
            "kéy",
            "rzupBUkJnO1JaoV3kiAxSDFppooNSKYT/aHFaeCeBS+69OtRDxACw2Il2Tj8RVRc7yo7IcOTH0KHTH8C647EBDYCCbwY+SIp7BkAxnZZyKs=",
        )
        == "héllo\n" * 9
    )


def test_aes_of_nothing() -> None:
    assert call("encryptAES", "k", "") == call("decryptAES", "k", "") == ""


@pytest.mark.parametrize(
    "text", ["!", "AAAA", base64.b64encode(bytes(16)).decode(), base64.b64encode(bytes(20)).decode()]
)
def test_bad_aes(text: str) -> None:
    with pytest.raises(FunctionError):
        call("decryptAES", "k", text)


def encrypted(algorithm: hashes.HashAlgorithm) -> str:
    key = load_pem_private_key(PEM["rsa8"].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return from_bytes(key.public_key().encrypt(b"hi\xff", padding.OAEP(padding.MGF1(algorithm), algorithm, None)))


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("SHA1", hashes.SHA1()),
        ("SHA256", hashes.SHA256()),
        ("SHA512", hashes.SHA512()),
        ("None", hashes.SHA256()),
        ("sha1", hashes.SHA256()),
    ],
)
@pytest.mark.parametrize("key", ["rsa1", "rsa8"])
def test_rsa_decrypt(name: str, algorithm: hashes.HashAlgorithm, key: str) -> None:
    assert call("rsaDecrypt", "RSA-OAEP", name, encrypted(algorithm), PEM[key]) == "hi\udcff"


def test_rsa_scheme_none() -> None:
    assert call("rsaDecrypt", "None", "", "plain", "") == "plain"


@pytest.mark.parametrize(
    ("scheme", "data", "key", "reason"),
    [
        ("RSA", "x", PEM["rsa1"], "scheme is not supported"),
        ("RSA-OAEP", "x", "", "failed to decode PEM block"),
        ("RSA-OAEP", "x", PEM["root"], "could not parse private key"),
        ("RSA-OAEP", "x", PEM["ec1"], "could not parse RSA private key"),
        ("RSA-OAEP", "x", PEM["rsa1"], "decryption error"),
    ],
)
def test_rsa_refuses(scheme: str, data: str, key: str, reason: str) -> None:
    with pytest.raises(FunctionError, match=reason):
        call("rsaDecrypt", scheme, "SHA256", data, key)
