"""How a request to Keeper is locked, signed and unlocked again; the keys of a device and of Keeper's servers.

Every request has a transmission key of its own, which only the server can read. The body is encrypted with it, and so is the
answer; the device signs both. Source: the protocol that Keeper's Secrets Manager SDKs 17.3 speak.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key

from eso.errors import InvalidSpecError
from eso.transform.gojson import dumps, loads
from eso.values import SecretValue

__all__ = ["SERVER_KEYS", "Device", "Sealed", "decoded", "decrypt", "encrypt", "encrypt_for", "seal"]

_OLDEST: Final = "BK9w6TZFxE6nFNbMfIpULCup2a8xc6w2tUTABjxny7yFmxW0dAEojwC6j6zb5nTlmb1dAx8nwo3qF7RPYGmloRM"

SERVER_KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{str(number): _OLDEST for number in range(1, 8)},
        "8": "BKnhy0obglZJK-igwthNLdknoSXRrGB-mvFRzyb_L-DKKefWjYdFD2888qN1ROczz4n3keYSfKz9Koj90Z6w_tQ",
        "9": "BAsPQdCpLIGXdWNLdAwx-3J5lNqUtKbaOMV56hUj8VzxE2USLHuHHuKDeno0ymJt-acxWV1xPlBfNUShhRTR77g",
        "10": "BNYIh_Sv03nRZUUJveE8d2mxKLIDXv654UbshaItHrCJhd6cT7pdZ_XwbdyxAOCWMkBb9AZ4t1XRCsM8-wkEBRg",
        "11": "BA6uNfeYSvqagwu4TOY6wFK4JyU5C200vJna0lH4PJ-SzGVXej8l9dElyQ58_ljfPs5Rq6zVVXpdDe8A7Y3WRhk",
        "12": "BMjTIlXfohI8TDymsHxo0DqYysCy7yZGJ80WhgOBR4QUd6LBDA6-_318a-jCGW96zxXKMm8clDTKpE8w75KG-FY",
        "13": "BJBDU1P1H21IwIdT2brKkPqbQR0Zl0TIHf7Bz_OO9jaNgIwydMkxt4GpBmkYoprZ_DHUGOrno2faB7pmTR7HhuI",
        "14": "BJFF8j-dH7pDEw_U347w2CBM6xYM8Dk5fPPAktjib-opOqzvvbsER-WDHM4ONCSBf9O_obAHzCyygxmtpktDuiE",
        "15": "BDKyWBvLbyZ-jMueORl3JwJnnEpCiZdN7yUvT0vOyjwpPBCDf6zfL4RWzvSkhAAFnwOni_1tQSl8dfXHbXqXsQ8",
        "16": "BDXyZZnrl0tc2jdC5I61JjwkjK2kr7uet9tZjt8StTiJTAQQmnVOYBgbtP08PWDbecxnHghx3kJ8QXq1XE68y8c",
        "17": "BFX68cb97m9_sweGdOVavFM3j5ot6gveg6xT4BtGahfGhKib-zdZyO9pwvv1cBda9ahkSzo1BQ4NVXp9qRyqVGU",
        "18": "BNhngQqTT1bPKxGuB6FhbPTAeNVFl8PKGGSGo5W06xWIReutm6ix6JPivqnbvkydY-1uDQTr-5e6t70G01Bb5JA",
    }
)
"""Public keys of Keeper's servers (uncompressed P-256 points) by their ids; source: Keeper's SDKs."""

_DEFAULT_KEY: Final = "10"
_NONCE: Final = 12
_HOSTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "US": "keepersecurity.com",
        "EU": "keepersecurity.eu",
        "AU": "keepersecurity.com.au",
        "GOV": "govcloud.keepersecurity.us",
        "JP": "keepersecurity.jp",
        "CA": "keepersecurity.ca",
        "IL5": "il5.keepersecurity.us",
    }
)
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?")
_CONFIG: Final = "the device configuration of Keeper Secrets Manager"


def decoded(text: str) -> bytes:
    """Bytes of base64 in either alphabet, with or without padding.

    Raises:
        ValueError: it is not base64.
    """
    plain = text.strip().translate({0x2D: "+", 0x5F: "/"}).rstrip("=")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


def encrypt(data: bytes, key: bytes) -> bytes:
    """AES-256-GCM, with the nonce in front."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, data, None)


def decrypt(data: bytes, key: bytes) -> bytes:
    """What `encrypt` made.

    Raises:
        ValueError: the key is another one, or it was never encrypted.
    """
    try:
        return AESGCM(key).decrypt(data[:_NONCE], data[_NONCE:], None)
    except InvalidTag:
        raise ValueError("it does not decrypt") from None


def encrypt_for(data: bytes, public_key: bytes) -> bytes:
    """Encrypt so that only the holder of the private key can read it: an ephemeral P-256 point, then AES-256-GCM.

    Raises:
        ValueError: the key is not a point of the curve.
    """
    recipient = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    digest = hashes.Hash(hashes.SHA256())
    digest.update(ephemeral.exchange(ec.ECDH(), recipient))
    point = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return point + encrypt(data, digest.finalize())


@dataclass(frozen=True, slots=True, repr=False)
class Device:
    """A device that is bound to an application of Keeper Secrets Manager.

    Attributes:
        host: of the server, with its port where it is not 443.
        client_id: who signs.
        private_key: signs requests.
        app_key: unlocks what is shared with the application.
        owner_key: public key of the application's owner, for records that are made; empty when unknown.
        key_id: of the server's key to begin with.
        server_key: that takes the place of the published ones; empty for those.
    """

    host: str
    client_id: str
    private_key: ec.EllipticCurvePrivateKey
    app_key: bytes
    owner_key: bytes
    key_id: str
    server_key: str

    @classmethod
    def parse(cls, config: SecretValue) -> Device:
        """Read a configuration as Keeper's tools write it: a JSON object, also as base64.

        Raises:
            InvalidSpecError: it is something else, or a part is missing or malformed.
        """
        fields = _fields(config)
        if not fields.get("appKey") and fields.get("clientKey"):
            raise InvalidSpecError(f"{_CONFIG} holds a one-time token that was not redeemed: bind the device first")
        missing = [name for name in ("clientId", "privateKey", "appKey") if not fields.get(name)]
        if missing:
            raise InvalidSpecError(f"{_CONFIG} has no {missing[0]}")
        app_key = _binary(fields, "appKey")
        try:
            private_key = load_der_private_key(_binary(fields, "privateKey"), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            private_key = None
        if not isinstance(private_key, ec.EllipticCurvePrivateKey) or len(app_key) != 32:
            wrong = "privateKey" if len(app_key) == 32 else "appKey"
            raise InvalidSpecError(f"{_CONFIG} has a {wrong} that is not a key of such a device")
        return cls(
            host=_host(fields.get("hostname", "")),
            client_id=fields["clientId"],
            private_key=private_key,
            app_key=app_key,
            owner_key=_binary(fields, "appOwnerPublicKey"),
            key_id=fields.get("serverPublicKeyId") or _DEFAULT_KEY,
            server_key=fields.get("serverPublicKey", ""),
        )


@dataclass(frozen=True, slots=True, repr=False)
class Sealed:
    """A request ready to be sent.

    Attributes:
        headers: of the request.
        body: of the request.
        key: encrypts the answer.
    """

    headers: dict[str, str]
    body: bytes
    key: bytes


def seal(device: Device, payload: Mapping[str, Any], key_id: str, server_key: bytes) -> Sealed:
    """Lock and sign a request.

    Args:
        device: that asks.
        payload: of the request, without who asks.
        key_id: of the server's key.
        server_key: the point itself.

    Raises:
        ValueError: `server_key` is not a point of the curve.
    """
    key = os.urandom(32)
    locked = encrypt_for(key, server_key)
    body = encrypt(dumps(payload, escape_html=False).encode(), key)
    signature = device.private_key.sign(locked + body, ec.ECDSA(hashes.SHA256()))
    headers = {
        "Content-Type": "application/octet-stream",
        "PublicKeyId": key_id,
        "TransmissionKey": base64.b64encode(locked).decode(),
        "Authorization": f"Signature {base64.b64encode(signature).decode()}",
    }
    return Sealed(headers, body, key)


def _fields(config: SecretValue) -> dict[str, str]:
    text = config.reveal().strip()
    try:
        plain = text if text.startswith(b"{") else decoded("".join(text.decode("ascii").split()))
        found = loads(plain, exact=True)
    except (ValueError, binascii.Error):
        found = None
    if not isinstance(found, dict):
        raise InvalidSpecError(f"{_CONFIG} is not a JSON object, nor the base64 of one")
    return {name: str(value) for name, value in found.items() if isinstance(value, str)}


def _binary(fields: Mapping[str, str], name: str) -> bytes:
    try:
        return decoded(fields.get(name, ""))
    except ValueError:
        raise InvalidSpecError(f"{_CONFIG} has a {name} that is not base64") from None


def _host(hostname: str) -> str:
    named = _HOSTS.get(hostname.upper() or "US", hostname)
    try:
        host = urlsplit(named if "://" in named else f"https://{named}").netloc
    except ValueError:
        host = ""
    if not _HOST.fullmatch(host):
        raise InvalidSpecError(f"{_CONFIG} has a hostname that is not one, it must be like keepersecurity.com")
    return host
