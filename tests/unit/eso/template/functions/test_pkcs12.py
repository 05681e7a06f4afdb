"""PKCS#12 files: reading what Go and others write, writing what they read."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from eso.template.functions.der import children, element_end, explicit, integer, octets, oid, sequence
from eso.template.functions.subjects import subject_text
from eso.template.gotext.function import FunctionError
from eso.template.gotext.values import from_bytes
from tests.support.certificates import PEM, call

CHAIN = PEM["leaf"] + PEM["inter"] + PEM["root"]
SUBJECT = 'OU=\\#x\\ +OU=\\ é\\;\\+\\<\\>,O=Acme\\, \\"Inc\\"'


def stored(name: str) -> str:
    return from_bytes(base64.b64decode(PEM[name]))


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("p12_modern", ""),
        ("p12_modernPw", "pässword"),
        ("p12_legacyDES", ""),
        ("p12_legacyRC2Pw", "pässword"),
        ("p12_passwordless", ""),
        ("p12_pbmac1", ""),
    ],
)
def test_reads(name: str, password: str) -> None:
    assert call("pkcs12keyPass", password, stored(name)) == PEM["ec8"]
    assert call("pkcs12certPass", password, stored(name)) == CHAIN


def test_short_forms_have_no_password() -> None:
    assert call("pkcs12key", stored("p12_modern")) == PEM["ec8"]
    assert call("pkcs12cert", stored("p12_modern")) == CHAIN


def test_certificates_of_no_chain_keep_their_order() -> None:
    assert call("pkcs12certPass", "x", stored("p12_disjunct")) == PEM["self"] + PEM["leaf"]


@pytest.mark.parametrize(
    ("name", "password"),
    [("p12_modernPw", "nope"), ("p12_modernPw", ""), ("p12_passwordless", "nope"), ("ts_modern", "")],
    ids=["wrong password", "no password", "password of a file without one", "trust store"],
)
def test_refuses(name: str, password: str) -> None:
    with pytest.raises(FunctionError, match="unable to decode pkcs12 with password"):
        call("pkcs12keyPass", password, stored(name))
    with pytest.raises(FunctionError, match="unable to decode pkcs12 certificate with password"):
        call("pkcs12certPass", password, stored(name))


@pytest.mark.parametrize("keys", [1, 2])
def test_refuses_two_keys(keys: int) -> None:
    _, content, _ = children(base64.b64decode(call("pemToPkcs12", PEM["leaf"], PEM["ec1"])))
    kind, explicit_content = children(content)
    start, end = element_end(explicit_content, 0)
    start, _ = element_end(explicit_content, start)
    certificates, key = children(explicit_content[start:end])
    assert kind == oid("1.2.840.113549.1.7.1")
    parts = sequence(certificates, *[key] * keys)
    file = from_bytes(sequence(integer(3), sequence(kind, explicit(0, octets(parts)))))
    if keys == 1:
        assert call("pkcs12key", file) == PEM["ec8"]
        return
    with pytest.raises(FunctionError, match="exactly one key"):
        call("pkcs12key", file)
    with pytest.raises(FunctionError, match="exactly one key"):
        call("pkcs12cert", file)


@pytest.mark.parametrize("junk", ["", "junk", "0\x80\x01"])
def test_refuses_junk(junk: str) -> None:
    with pytest.raises(FunctionError):
        call("pkcs12keyPass", "p", junk)


@pytest.mark.parametrize("password", ["", "pw", "pässword", "日"])
@pytest.mark.parametrize("key", ["ec1", "ec8", "rsa1", "rsa8", "ed8"])
def test_written_files_can_be_read(password: str, key: str) -> None:
    written = base64.b64decode(call("pemToPkcs12Pass", PEM["leaf"], PEM[key], password))
    expected = {"ec": "ec8", "rsa": "rsa8", "ed": "ed8"}[key[:-1]]
    assert call("pkcs12keyPass", password, from_bytes(written)) == PEM[expected]
    assert call("pkcs12certPass", password, from_bytes(written)) == PEM["leaf"]


def test_only_the_first_certificate_without_full() -> None:
    written = base64.b64decode(call("pemToPkcs12", CHAIN, PEM["ec1"]))
    assert call("pkcs12cert", from_bytes(written)) == PEM["leaf"]


def test_full_chain() -> None:
    for written in (call("fullPemToPkcs12", CHAIN, PEM["ec1"]), call("fullPemToPkcs12Pass", CHAIN, PEM["ec1"], "")):
        assert call("pkcs12cert", from_bytes(base64.b64decode(written))) == CHAIN


@pytest.mark.parametrize("password", ["", "pw"])
def test_trust_store(password: str) -> None:
    written = base64.b64decode(call("pemTruststoreToPKCS12Pass", PEM["root"] + PEM["inter"], password))
    loaded = pkcs12.load_pkcs12(written, password.encode())
    assert loaded.key is None
    names = [entry.friendly_name.decode() for entry in loaded.additional_certs if entry.friendly_name is not None]
    assert names == [f"CN=root,{SUBJECT}", f"CN=inter,{SUBJECT}"]
    assert names == [subject_text(entry.certificate.subject) for entry in loaded.additional_certs]


@pytest.mark.parametrize(
    ("function", "args"),
    [
        ("pemToPkcs12", ("x", PEM["ec1"])),
        ("pemToPkcs12", (PEM["leaf"], "x")),
        ("pemToPkcs12", (PEM["leaf"], PEM["leaf"])),
        ("pemToPkcs12Pass", (PEM["leaf"], PEM["ec1"], "😀")),
        ("fullPemToPkcs12", (PEM["leaf"] + "\n", PEM["ec1"])),
        ("pemTruststoreToPKCS12", (PEM["root"] + "\n",)),
        ("pemTruststoreToPKCS12", ("junk",)),
    ],
)
def test_refuses_to_write(function: str, args: tuple[str, ...]) -> None:
    with pytest.raises(FunctionError):
        call(function, *args)
