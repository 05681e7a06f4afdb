"""Keeper Secrets Manager: the encrypted protocol, records in shared folders and by themselves, files, keys that rotate."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from tests.support.vendors.tokenserver import TokenServer

__all__ = ["Keeper", "point"]

PATH = "/api/rest/sm/v1/"


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key as SDKs write it."""
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def lock(data: bytes, key: bytes) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, data, None)


def unlock(data: bytes, key: bytes) -> bytes:
    return AESGCM(key).decrypt(data[:12], data[12:], None)


def chained(data: bytes, key: bytes) -> bytes:
    """AES in CBC mode, as keys of inner folders are locked."""
    nonce, padder = os.urandom(16), PKCS7(128).padder()
    encryptor = Cipher(AES(key), CBC(nonce)).encryptor()
    return nonce + encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()


def received(data: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """What was encrypted for the holder of a key."""
    sender = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data[:65])
    return unlock(data[65:], hashlib.sha256(key.exchange(ec.ECDH(), sender)).digest())


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def safe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Keeper(TokenServer):
    """A server, an application with one device, and what is shared with it.

    Attributes:
        keys: of the server, by their ids; the last is the one it takes.
        records: UID -> record as JSON object, in `folder`, or by itself where it is in `single`.
        single: UIDs of records that are shared by themselves.
        files: UID of a record -> title -> content.
        broken: UIDs of records that are locked with a lost key.
        refusal: status and error document of the next requests.
        refuses_deletes: answers success, with a status that says otherwise.
        asked: names and decrypted payloads of requests.
        address: of every file, in place of one of this server.
        empty: the folder has no records, so that only `get_folders` tells of it.
    """

    keys: dict[str, ec.EllipticCurvePrivateKey] = field(
        default_factory=lambda: {"10": ec.generate_private_key(ec.SECP256R1())}
    )
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    single: set[str] = field(default_factory=set)
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    refusal: tuple[int, dict[str, Any]] | None = None
    refuses_deletes: bool = False
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    address: str | None = None
    empty: bool = False
    folder: str = "folder-uid"

    def __post_init__(self) -> None:
        self.device = ec.generate_private_key(ec.SECP256R1())
        self.owner = ec.generate_private_key(ec.SECP256R1())
        self.app_key, self.folder_key = os.urandom(32), os.urandom(32)
        self.record_keys: dict[str, bytes] = {}
        self.revisions: dict[str, int] = {}
        self.file_keys: dict[tuple[str, str], bytes] = {}
        self.client_id = text(b"canary-client" * 4)
        self.answered: set[bytes] = set()

    def config(self, **more: str | None) -> str:
        """The device configuration; members that are None are left out."""
        der = self.device.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        members = {
            "hostname": "keepersecurity.eu",
            "clientId": self.client_id,
            "privateKey": text(der),
            "serverPublicKeyId": "10",
            "appKey": text(self.app_key),
            "appOwnerPublicKey": text(point(self.owner)),
            **more,
        }
        kept = {name: value for name, value in members.items() if value is not None}
        return text(json.dumps(kept).encode())

    def server_keys(self) -> dict[str, str]:
        """The public keys as a client knows them."""
        return {number: safe(point(key)) for number, key in self.keys.items()}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Record the request and answer it."""
        self.seen.append(f"{request.method} {request.path}")
        if self.fault is not None:
            status, headers, body = self.fault
            return web.Response(status=status, headers=headers, body=body)
        if request.path.startswith("/files/"):
            return self._file(request)
        if request.method != "POST" or not request.path.startswith(PATH):
            return web.Response(status=404, text="canary")
        if self.refusal is not None:
            return web.json_response(self.refusal[1], status=self.refusal[0])
        newest = list(self.keys)[-1]
        if request.headers["PublicKeyId"] != newest:
            # So as a server asks for its newest key.
            return web.json_response({"error": "key", "key_id": int(newest)}, status=401)
        body, wrapped = await request.read(), base64.b64decode(request.headers["TransmissionKey"])
        kind, _, signature = request.headers["Authorization"].partition(" ")
        assert kind == "Signature"
        assert request.headers["Content-Type"] == "application/octet-stream"
        assert wrapped not in self.answered, "a transmission key is for one request"
        self.answered.add(wrapped)
        try:
            self.device.public_key().verify(base64.b64decode(signature), wrapped + body, ec.ECDSA(hashes.SHA256()))
            key = received(wrapped, self.keys[newest])
            payload = json.loads(unlock(body, key))
        except (InvalidSignature, InvalidTag):
            return _refused("access_denied", "Signature is invalid canary")
        if payload.pop("clientId") != self.client_id or not payload.pop("clientVersion").startswith("mp"):
            return _refused("access_denied", "Unable to validate Keeper application access canary")
        name = request.path.removeprefix(PATH)
        self.asked.append((name, payload))
        answer = getattr(self, f"_{name}")(payload)
        if isinstance(answer, web.Response):
            return answer
        return web.Response(body=b"" if answer is None else lock(json.dumps(answer).encode(), key))

    def _get_secret(self, payload: dict[str, Any]) -> dict[str, Any]:
        wanted = payload.get("requestedRecords")
        found = [uid for uid in self.records if wanted is None or uid in wanted]
        inside = [self._shared(uid, self.folder_key) for uid in found if uid not in self.single]
        folder = {"folderUid": self.folder, "folderKey": text(lock(self.folder_key, self.app_key)), "records": inside}
        alone = [self._shared(uid, self.app_key) for uid in found if uid in self.single]
        return {"records": alone, "folders": [folder] if inside or not (self.empty or wanted) else None, "expiresOn": 0}

    def _get_folders(self, payload: dict[str, Any]) -> dict[str, Any]:
        inner = {
            "folderUid": "inner",
            "parent": self.folder,
            "folderKey": text(chained(os.urandom(32), self.folder_key)),
        }
        return {"folders": [{"folderUid": self.folder, "folderKey": text(lock(self.folder_key, self.app_key))}, inner]}

    def _create_secret(self, payload: dict[str, Any]) -> web.Response | None:
        if payload["folderUid"] != self.folder:
            return _refused("bad_request", "no such folder canary")
        key = received(base64.b64decode(payload["recordKey"]), self.owner)
        assert unlock(base64.b64decode(payload["folderKey"]), self.folder_key) == key
        uid = payload["recordUid"]
        assert uid[0] not in "-_" and len(base64.urlsafe_b64decode(f"{uid}==")) == 16
        self.record_keys[uid] = key
        self.records[uid] = json.loads(unlock(base64.b64decode(payload["data"]), key))
        return None

    def _update_secret(self, payload: dict[str, Any]) -> web.Response | None:
        uid = payload["recordUid"]
        if payload["revision"] != self.revisions.get(uid, 1):
            return _refused("bad_request", "out of sync canary", 400)
        self.records[uid] = json.loads(unlock(base64.b64decode(payload["data"]), self.record_keys[uid]))
        self.revisions[uid] = payload["revision"] + 1
        return None

    def _delete_secret(self, payload: dict[str, Any]) -> dict[str, Any]:
        (uid,) = payload["recordUids"]
        if self.refuses_deletes:
            status = {"recordUid": uid, "responseCode": "access_denied", "errorMessage": "canary"}
            return {"records": [status]}
        del self.records[uid]
        return {"records": [{"recordUid": uid, "responseCode": "ok"}]}

    def _shared(self, uid: str, outer: bytes) -> dict[str, Any]:
        key = outer if uid in self.single else self.record_keys.setdefault(uid, os.urandom(32))
        found = {
            "recordUid": uid,
            "data": text(lock(json.dumps(self.records[uid]).encode(), os.urandom(32) if uid in self.broken else key)),
            "revision": self.revisions.get(uid, 1),
            "isEditable": True,
            "files": [self._attached(uid, title, key) for title in self.files.get(uid, ())],
        }
        if uid not in self.single:
            found["recordKey"] = safe(lock(key, outer))
        return found

    def _attached(self, uid: str, title: str, record_key: bytes) -> dict[str, Any]:
        key = self.file_keys.setdefault((uid, title), os.urandom(32))
        own = f"{self.url}/files/{uid}/{title}?signature=a%2Fb%2B{safe(os.urandom(9))}"
        about = {"title": title, "name": f"{title}.bin", "type": "application/octet-stream", "size": 1}
        return {
            "fileUid": f"{uid}-{title}",
            "fileKey": text(lock(key, record_key)),
            "data": text(lock(json.dumps(about).encode(), key)),
            "url": own if self.address is None else self.address,
            "thumbnailUrl": None,
        }

    def _file(self, request: web.Request) -> web.Response:
        uid, title = request.path.removeprefix("/files/").split("/")
        signed = request.rel_url.raw_query_string.startswith("signature=a%2Fb%2B")
        if not signed or "Authorization" in request.headers:
            return web.Response(status=403, text="canary")
        content = self.files.get(uid, {}).get(title)
        if content is None:
            return web.Response(status=404, text="canary")
        return web.Response(body=lock(content, self.file_keys[uid, title]))


def _refused(error: str, message: str, status: int = 403) -> web.Response:
    return web.json_response({"error": error, "message": message, "path": "https, POST"}, status=status)
