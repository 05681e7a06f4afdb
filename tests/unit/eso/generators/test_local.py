"""generators/fake.md, uuid.md, sshkey.md and mfa.md."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_ssh_private_key,
    load_ssh_public_key,
)

from eso.errors import InvalidSpecError, ReferenceNotFoundError
from eso.generators.fake import FakeGenerator
from eso.generators.mfa import MFAGenerator
from eso.generators.sshkey import SSHKeyGenerator
from eso.generators.uuid import UUIDGenerator
from reconcile.testing.loop import run
from tests.support.generatorcontext import GeneratorBench

# RFC 6238, appendix B: the SHA-1 rows. The seed is ASCII "12345678901234567890".
SEED = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RFC_6238 = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]


@pytest.mark.parametrize(("spec", "values"), [({"data": {"a": "ä"}}, {"a": "ä"}), ({}, {})])
def test_fake(spec: dict[str, Any], values: dict[str, str]) -> None:
    assert run(GeneratorBench().generate(FakeGenerator(), spec)) == (values, None)


def test_uuid_is_random_version_4() -> None:
    made = [run(GeneratorBench().generate(UUIDGenerator()))[0] for _ in range(20)]
    assert all(set(values) == {"uuid"} for values in made)
    texts = {values["uuid"] for values in made}
    assert len(texts) == 20
    form = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    assert all(form.fullmatch(text) for text in texts)


def ssh(**spec: Any) -> tuple[Any, str, str]:
    values, state = run(GeneratorBench().generate(SSHKeyGenerator(), spec))
    assert state is None
    assert set(values) == {"privateKey", "publicKey"}
    return load_ssh_private_key(values["privateKey"].encode(), None), values["privateKey"], values["publicKey"]


@pytest.mark.parametrize(
    ("spec", "kind", "bits"),
    [
        ({}, rsa.RSAPrivateKey, 2048),
        ({"keyType": "rsa", "keySize": 1024}, rsa.RSAPrivateKey, 1024),
        ({"keyType": "ecdsa"}, ec.EllipticCurvePrivateKey, 256),
        ({"keyType": "ecdsa", "keySize": 384}, ec.EllipticCurvePrivateKey, 384),
        ({"keyType": "ecdsa", "keySize": 521}, ec.EllipticCurvePrivateKey, 521),
        ({"keyType": "ecdsa", "keySize": 300}, ec.EllipticCurvePrivateKey, 256),
        ({"keyType": "ed25519", "keySize": 300}, ed25519.Ed25519PrivateKey, None),
    ],
)
@pytest.mark.parametrize("comment", ["", "me@example.com", "abcdefgh"])
def test_ssh_pair_fits_together(spec: dict[str, Any], kind: type, bits: int | None, comment: str) -> None:
    key, pem, line = ssh(**spec, comment=comment)
    assert isinstance(key, kind)
    assert bits is None or key.key_size == bits
    assert pem.startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert pem.endswith("\n-----END OPENSSH PRIVATE KEY-----\n")
    assert line.endswith(f" {comment}\n" if comment else "\n")
    public = load_ssh_public_key(line.encode())
    assert key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) == public.public_bytes(
        Encoding.OpenSSH, PublicFormat.OpenSSH
    )


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
@pytest.mark.parametrize("key_type", ["rsa", "ecdsa", "ed25519"])
def test_ssh_keygen_reads_the_private_key_and_its_comment(key_type: str, tmp_path: Path) -> None:
    _, pem, line = ssh(keyType=key_type, comment="me@example.com")
    file = tmp_path / "key"
    file.write_text(pem)
    file.chmod(0o600)
    done = subprocess.run(["ssh-keygen", "-y", "-f", str(file)], capture_output=True, text=True, check=True)
    assert done.stdout == line


def test_ssh_every_call_makes_a_new_pair() -> None:
    assert ssh(keyType="ed25519")[2] != ssh(keyType="ed25519")[2]


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"keyType": "dsa"}, r"rsa, ecdsa or ed25519"),
        ({"keySize": 256}, "256 bits"),
        ({"comment": "a\nb"}, "single line"),
    ],
)
def test_ssh_refuses(spec: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidSpecError, match=text):
        ssh(**spec)


def mfa(seed: str, now: datetime | None = None, **spec: Any) -> dict[str, str]:
    bench = GeneratorBench({"seed": {"k": seed}})
    clock = now or datetime.fromtimestamp(59, UTC)
    body = {"secret": {"name": "seed", "key": "k"}, **spec}
    return run(bench.generate(MFAGenerator(lambda: clock), body))[0]


@pytest.mark.parametrize(("moment", "code"), RFC_6238)
def test_mfa_rfc_6238(moment: int, code: str) -> None:
    now = datetime.fromtimestamp(moment, UTC)
    assert mfa(SEED, now, length=8) == {"token": code, "timeLeft": str(30 - moment % 30)}


@pytest.mark.parametrize("seed", [SEED.lower(), " ".join(SEED), SEED[:16] + " " + SEED[16:].lower()])
def test_mfa_seed_may_have_spaces_and_lower_case(seed: str) -> None:
    assert mfa(seed, length=8)["token"] == "94287082"


@pytest.mark.parametrize("seed", [SEED + "=", SEED + "\n", "JBSWY3DPEE======", "1", "ä"])
def test_mfa_seed_must_be_base32_without_padding(seed: str) -> None:
    with pytest.raises(InvalidSpecError, match="base32") as caught:
        mfa(seed)
    assert seed not in str(caught.value)


def test_mfa_defaults_are_six_digits_and_thirty_seconds() -> None:
    assert mfa(SEED) == {"token": "287082", "timeLeft": "1"}
    assert mfa(SEED, length=0, timePeriod=0) == mfa(SEED)


def test_mfa_when_replaces_now() -> None:
    assert mfa(SEED, when="1970-01-01T00:00:59Z", now=datetime(2026, 1, 1, tzinfo=UTC), length=8)["token"] == "94287082"


def test_mfa_period_counts() -> None:
    assert mfa(SEED, datetime.fromtimestamp(119, UTC), timePeriod=60, length=8) == {
        "token": "94287082",
        "timeLeft": "1",
    }


def test_mfa_algorithm_is_always_sha1() -> None:
    assert mfa(SEED, algorithm="sha512", length=8)["token"] == "94287082"


def test_mfa_missing_seed() -> None:
    with pytest.raises(ReferenceNotFoundError):
        run(GeneratorBench().generate(MFAGenerator(), {"secret": {"name": "seed", "key": "k"}}))
