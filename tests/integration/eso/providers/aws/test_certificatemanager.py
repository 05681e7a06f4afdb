"""Certificate Manager through the provider."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from eso.errors import EsoError, InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import FindRef, PushRemoteRef, RemoteRef
from tests.integration.eso.providers.aws.conftest import Cloud, entry, source

SERVICE = "CertificateManager"
PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"


def _issued(name: str, issuer: str, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey) -> str:
    now = datetime.now(UTC)
    subject, signer = (x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in (name, issuer))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(f"{name}.example.com")]), critical=False)
        .sign(by, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM).decode()


class Tls:
    """A certificate with its key, and the one that signed it."""

    def __init__(self) -> None:
        root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self.chain = _issued("root", "root", root, root)
        self.leaf = _issued("leaf", "root", key, root)
        self.key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def data(self, *, chain: bool = True) -> dict[str, str]:
        return {"tls__crt": self.leaf + (self.chain if chain else ""), "tls__key": self.key}


@pytest.fixture(scope="module")
def tls() -> list[Tls]:
    return [Tls(), Tls()]


async def push(cloud: Cloud, *pushes: dict[str, str], tags: Any = None) -> None:
    """Push one after the other under `web`, with one client."""
    async with cloud.lend(SERVICE, prefix="team/") as client:
        for number, data in enumerate(pushes):
            spec = {} if tags is None else {"tags": tags[number]}
            await client.push_secret(source(**data), entry("web", **spec))


async def requested(cloud: Cloud, *, export: str = "ENABLED") -> str:
    answer = await cloud.aws.direct(
        "CertificateManager.RequestCertificate", DomainName="a.example.com", Options={"Export": export}
    )
    return str(answer["CertificateArn"])


async def tags(cloud: Cloud, arn: str) -> dict[str, str]:
    found = await cloud.aws.direct("CertificateManager.ListTagsForCertificate", CertificateArn=arn)
    return {tag["Key"]: tag["Value"] for tag in found["Tags"]}


async def arns(cloud: Cloud) -> list[str]:
    found = await cloud.aws.direct("CertificateManager.ListCertificates")
    return [item["CertificateArn"] for item in found["CertificateSummaryList"]]


class TestGet:
    async def test_leaf_chain_and_key(self, cloud: Cloud) -> None:
        arn = await requested(cloud)
        async with cloud.lend(SERVICE, prefix="not-before-arns/") as client:
            value = (await client.get_secret(RemoteRef(arn, "ignored", "ignored", "Fetch"))).reveal_text()
        assert value.endswith("-----END PRIVATE KEY-----\n") and "\n\n" not in value
        certificates = x509.load_pem_x509_certificates(value.encode())
        key = load_pem_private_key(value[value.index("-----BEGIN PRIVATE KEY") :].encode(), None)
        assert certificates[0].public_key() == key.public_key()
        passphrase = base64.b64decode(cloud.aws.of("ExportCertificate")[0].body["Passphrase"]).decode()
        assert len(passphrase) == 32 and passphrase.isalnum()

    async def test_an_export_is_reused_while_the_certificate_is_the_same(self, cloud: Cloud) -> None:
        arn = await requested(cloud)
        store = cloud.store(cloud.spec(SERVICE))
        values = []
        for _ in range(2):
            async with cloud.manager.client_for(store, "app") as client:
                values.append(await client.get_secret(RemoteRef(arn)))
        assert values[0] == values[1]
        assert cloud.aws.operations() == [
            "GetCertificate",
            "DescribeCertificate",
            "ExportCertificate",
            "GetCertificate",
        ]

    async def test_export_that_is_not_enabled(self, cloud: Cloud) -> None:
        arn = await requested(cloud, export="DISABLED")
        async with cloud.lend(SERVICE) as client:
            with pytest.raises(InvalidRequestError, match="export enabled"):
                await client.get_secret(RemoteRef(arn))

    async def test_missing_certificate_is_a_plain_error(self, cloud: Cloud) -> None:
        async with cloud.lend(SERVICE) as client:
            with pytest.raises(ProviderError) as raised:
                await client.get_secret(RemoteRef("arn:aws:acm:eu-central-1:123456789012:certificate/none"))
        assert not isinstance(raised.value, NoSecretError)

    async def test_key_that_cannot_be_decrypted(self, cloud: Cloud) -> None:
        arn = await requested(cloud)
        body = b'{"Certificate": "a", "CertificateChain": "b", "PrivateKey": "canary"}'
        cloud.aws.fail("ExportCertificate", status=200, body=body)
        async with cloud.lend(SERVICE) as client:
            with pytest.raises(ProviderError, match="cannot be decrypted") as raised:
                await client.get_secret(RemoteRef(arn))
        assert "canary" not in str(raised.value)

    async def test_extract_and_find_are_not_supported(self, cloud: Cloud) -> None:
        async with cloud.lend(SERVICE) as client:
            with pytest.raises(InvalidRequestError, match="not supported"):
                await client.get_secret_map(RemoteRef("arn"))
            with pytest.raises(InvalidRequestError, match="not supported"):
                await client.get_all_secrets(FindRef(name_regexp="."))


class TestPush:
    async def test_new_certificate(self, cloud: Cloud, tls: list[Tls]) -> None:
        await push(cloud, tls[0].data(), tags=[{"team": "x"}])
        (arn,) = await arns(cloud)
        assert await tags(cloud, arn) == {
            "managed-by": "external-secrets",
            "external-secrets-remote-key": "team/web",
            "team": "x",
        }
        request = cloud.aws.of("ImportCertificate")[0].body
        assert base64.b64decode(request["Certificate"]).decode() == tls[0].leaf
        assert base64.b64decode(request["CertificateChain"]).decode() == tls[0].chain

    @pytest.mark.parametrize("chain", [True, False])
    async def test_the_same_certificate_is_not_imported_again(self, cloud: Cloud, tls: list[Tls], chain: bool) -> None:
        await push(cloud, *(tls[0].data(chain=chain) for _ in range(3)))
        assert len(cloud.aws.of("ImportCertificate")) == 1

    @pytest.mark.parametrize(("chain", "imports"), [("same", 0), ("other", 1)])
    async def test_leaf_and_chain_are_compared(self, cloud: Cloud, tls: list[Tls], chain: str, imports: int) -> None:
        await push(cloud, tls[0].data())
        text = tls[0].chain.replace("\n", "\r\n") if chain == "same" else tls[1].chain
        body = json.dumps({"Certificate": tls[0].leaf.strip(), "CertificateChain": text}).encode()
        cloud.aws.requests.clear()
        cloud.aws.fail("GetCertificate", status=200, body=body)
        await push(cloud, tls[0].data())
        assert len(cloud.aws.of("ImportCertificate")) == imports

    async def test_a_changed_certificate_is_imported_under_its_arn(self, cloud: Cloud, tls: list[Tls]) -> None:
        await push(cloud, tls[0].data(), tls[1].data())
        (arn,) = await arns(cloud)
        again = cloud.aws.of("ImportCertificate")[1].body
        assert again["CertificateArn"] == arn and "Tags" not in again

    async def test_user_tags_are_synced_and_reserved_ones_stay(self, cloud: Cloud, tls: list[Tls]) -> None:
        await push(cloud, tls[0].data(), tls[0].data(), tags=[{"a": "1", "b": "1"}, {"b": "2"}])
        (arn,) = await arns(cloud)
        assert await tags(cloud, arn) == {
            "managed-by": "external-secrets",
            "external-secrets-remote-key": "team/web",
            "b": "2",
        }

    async def test_a_vanished_certificate_is_imported_anew(self, cloud: Cloud, tls: list[Tls]) -> None:
        store = cloud.store(cloud.spec(SERVICE))
        for _ in range(2):
            async with cloud.manager.client_for(store, "app") as client:
                await client.push_secret(source(**tls[0].data()), entry("web"))
            (arn,) = await arns(cloud)
            await cloud.aws.direct("CertificateManager.DeleteCertificate", CertificateArn=arn)
        assert "CertificateArn" not in cloud.aws.of("ImportCertificate")[1].body
        assert len(cloud.aws.of("GetResources")) == 1

    async def test_the_smallest_arn_wins(self, cloud: Cloud, tls: list[Tls]) -> None:
        wanted = [
            {"Key": "managed-by", "Value": "external-secrets"},
            {"Key": "external-secrets-remote-key", "Value": "web"},
        ]
        encoded = {
            name: base64.b64encode(text.encode()).decode()
            for name, text in (("Certificate", tls[0].leaf), ("PrivateKey", tls[0].key))
        }
        for _ in range(3):
            await cloud.aws.direct("CertificateManager.ImportCertificate", Tags=wanted, **encoded)
        async with cloud.lend(SERVICE) as client:
            await client.push_secret(source(**tls[1].data()), entry("web"))
        assert cloud.aws.of("ImportCertificate")[0].body["CertificateArn"] == min(await arns(cloud))

    @pytest.mark.parametrize(
        ("data", "key", "spec", "text"),
        [
            ({"tls__crt": "x", "tls__key": "y"}, "", {}, "no PEM certificate"),
            ({"tls__crt": PEM}, "", {}, "tls.key"),
            ({"tls__crt": "", "tls__key": "y"}, "", {}, "tls.crt"),
            ({"tls__crt": "x", "tls__key": "y"}, "tls.crt", {}, "secretKey must be empty"),
            ({"tls__crt": "x", "tls__key": "y"}, "", {"tags": {"managed-by": "x"}}, "managed-by"),
        ],
    )
    async def test_what_cannot_be_pushed(
        self, cloud: Cloud, data: dict[str, str], key: str, spec: dict[str, Any], text: str
    ) -> None:
        async with cloud.lend(SERVICE) as client:
            with pytest.raises(EsoError, match=text) as raised:
                await client.push_secret(source(**data), entry("web", key, **spec))
        assert isinstance(raised.value, (InvalidSpecError, ProviderError))
        assert cloud.aws.operations() == []

    async def test_exists_and_delete(self, cloud: Cloud, tls: list[Tls]) -> None:
        await push(cloud, tls[0].data())
        async with cloud.lend(SERVICE, prefix="team/") as client:
            assert await client.secret_exists(PushRemoteRef("web"))
            assert not await client.secret_exists(PushRemoteRef("gone"))
            await client.delete_secret(PushRemoteRef("web"))
            await client.delete_secret(PushRemoteRef("web"))
            assert not await client.secret_exists(PushRemoteRef("web"))
        assert await arns(cloud) == []

    async def test_delete_of_what_lost_its_tag(self, cloud: Cloud, tls: list[Tls]) -> None:
        store = cloud.store(cloud.spec(SERVICE))
        async with cloud.manager.client_for(store, "app") as client:
            await client.push_secret(source(**tls[0].data()), entry("web"))
            (arn,) = await arns(cloud)
            await cloud.aws.direct(
                "CertificateManager.RemoveTagsFromCertificate", CertificateArn=arn, Tags=[{"Key": "managed-by"}]
            )
        async with cloud.manager.client_for(store, "app") as client:
            with pytest.raises(ProviderError, match="not managed"):
                await client.delete_secret(PushRemoteRef("web"))
        assert await arns(cloud) == [arn]
