"""The embedded control plane: one object that starts it, says where it is, and stops it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from reconcile.client.config import Config
from reconcile.testing.apiserver.admission import AdmissionChain
from reconcile.testing.apiserver.authentication import ADMIN, ANONYMOUS, AUTHENTICATED, Authenticator
from reconcile.testing.apiserver.authorization import Authorization
from reconcile.testing.apiserver.certificates import serving_context
from reconcile.testing.apiserver.cluster import Cluster
from reconcile.testing.apiserver.controllers import Controllers
from reconcile.testing.apiserver.faulting import Faults
from reconcile.testing.apiserver.handler import Handler
from reconcile.testing.apiserver.http import HttpServer
from reconcile.testing.apiserver.inprocess import InProcessTransport
from reconcile.testing.apiserver.kinds import Kinds
from reconcile.testing.apiserver.namespaces import bootstrap_namespaces
from reconcile.testing.apiserver.rbac import Authorizer
from reconcile.testing.apiserver.rbacdefaults import bootstrap_rbac
from reconcile.testing.apiserver.registry import Registry
from reconcile.testing.apiserver.requests import User
from reconcile.testing.apiserver.sqlite import SqliteFile
from reconcile.testing.apiserver.storage import Storage
from reconcile.testing.apiserver.tokens import TokenIssuer, new_signing_key

__all__ = ["ApiServer"]

_SIGNING_KEY = "service-account-key"


class ApiServer:
    """A Kubernetes API server with the controllers that objects depend on, inside this process.

    Use it as an async context manager::

        async with ApiServer() as server:
            client = Client(server.transport)

    Args:
        path: SQLite file that keeps the objects; None keeps them in memory.
        faults: disturbs requests; the attribute of the same name takes more while the server runs.
        tokens: bearer tokens and their users (a name, or a `User` with groups; `admin` is an administrator). Given,
            requests without a token get 401, and the server speaks TLS, without which kubectl sends no token.
        rbac: decide by Roles and bindings; otherwise whoever is authenticated may do everything. Requests without a
            token are `system:anonymous`; without `tokens` there is one administrator with a token of its own.
        host: address to listen on.
        port: 0 picks a free one.
        tls: whether to serve TLS; None means only when `tokens` or `rbac` are given.
        listen: False starts no HTTP server at all; then only `transport` works.
        clock: the wall clock, aware UTC.
        history: changes kept per resource for watches that resume.
    """

    def __init__(
        self,
        path: str | None = None,
        faults: Faults | None = None,
        tokens: Mapping[str, str | User] | None = None,
        rbac: bool = False,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: bool | None = None,
        listen: bool = True,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        history: int = 4096,
    ) -> None:
        self.faults = faults or Faults()
        self._path = path
        self._tokens = {token: _user(user) for token, user in (tokens or {}).items()}
        if rbac and not self._tokens:
            self._tokens[secrets.token_urlsafe(24)] = ADMIN
        self._rbac = rbac
        self._host = host
        self._port = port
        self._tls = bool(tokens or rbac) if tls is None else tls
        self._listen = listen
        self._clock = clock
        self._history = history
        self._ca = b""
        self._signing_key: bytes | None = None
        self._durable: SqliteFile | None = None
        self._storage: Storage | None = None
        self._handler: Handler | None = None
        self._http: HttpServer | None = None
        self._controllers: Controllers | None = None
        self._task: asyncio.Task[None] | None = None
        self._issuer: TokenIssuer | None = None

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stop()
        if self._durable is not None:
            await asyncio.to_thread(self._durable.close)
            self._durable = None

    async def _start(self) -> None:
        if self._storage is None:
            self._durable, self._storage = await self._open()
        storage = self._storage
        registry = Registry()
        cluster = Cluster(storage, registry, Kinds(), AdmissionChain(_configurations(storage)), clock=self._clock)
        issuer = self._issuer or TokenIssuer(storage, self._clock, key=self._signing_key)
        self._issuer = issuer
        rules = Authorizer(_rbac_objects(storage)) if self._rbac else None
        authenticator = Authenticator(self._tokens, issuer, without_token=self._without_token())
        self._handler = Handler(cluster, authenticator, Authorization(rules), issuer)
        self._controllers = Controllers(cluster, self._handler.deleter)
        bootstrap_namespaces(cluster)
        if self._rbac:
            bootstrap_rbac(cluster)
        self._task = asyncio.create_task(self._controllers.run(), name="apiserver-controllers")
        if self._listen:
            await self._serve(self._handler)
        await self._controllers.settled()

    async def _open(self) -> tuple[SqliteFile | None, Storage]:
        # Without a file nothing here needs a thread, so the server also runs on a loop with virtual time.
        if self._path is None:
            return None, Storage(history=self._history)
        durable = await asyncio.to_thread(SqliteFile, self._path)
        self._signing_key = await asyncio.to_thread(durable.blob, _SIGNING_KEY)
        if self._signing_key is None:
            self._signing_key = new_signing_key()
            await asyncio.to_thread(durable.keep_blob, _SIGNING_KEY, self._signing_key)
        return durable, await asyncio.to_thread(Storage, durable, history=self._history)

    def _without_token(self) -> User | None:
        if self._rbac:
            return ANONYMOUS
        return None if self._tokens else ADMIN

    async def _serve(self, handler: Handler) -> None:
        context = None
        if self._tls:
            context, self._ca = await asyncio.to_thread(serving_context)
        self._http = HttpServer(handler.handle, self.faults)
        await self._http.start(self._host, self._port, context)
        self._port = self._http.port
        if self._issuer is not None:
            self._issuer.issuer = self.url

    async def _stop(self) -> None:
        if self._handler is not None:
            self._handler.watcher.stopping = True
        if self._storage is not None:
            self._storage.wake_all()
        if self._http is not None:
            await self._http.stop()
            self._http = None
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._storage is not None:
            await self._storage.flush()
            self._storage.unlisten()

    async def restart(self, *, keep_history: bool = True) -> None:
        """Stop and start again on the same port with the same objects; connections break.

        Args:
            keep_history: False makes watches that resume get 410, as after a restart of etcd's cache.
        """
        await self._stop()
        if not keep_history and self._storage is not None:
            self._storage.compact()
        await self._start()

    @property
    def storage(self) -> Storage:
        """The objects, for tests that look behind the API."""
        if self._storage is None:
            raise RuntimeError("the server is not running: use `async with ApiServer() as server`")
        return self._storage

    @property
    def url(self) -> str:
        """Base URL of the HTTP server."""
        if self._http is None:
            raise RuntimeError("the server does not listen: it is not running, or was made with listen=False")
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._port}"

    @property
    def ca(self) -> bytes:
        """PEM certificate of the authority that signed the serving certificate; empty without TLS."""
        return self._ca

    @property
    def config(self) -> Config:
        """What a client needs; with the first static token where there are any."""
        return Config(server=self.url, ca_data=self._ca, token=next(iter(self._tokens), ""))

    @property
    def transport(self) -> InProcessTransport:
        """A client's transport without sockets, as the user of the first static token."""
        return self.transport_for(next(iter(self._tokens), ""))

    def transport_for(self, token: str) -> InProcessTransport:
        """The same as another user.

        Args:
            token: a static token or one of a service account.
        """
        return InProcessTransport(self._answer, self.faults, token=token)

    async def _answer(self, request: Any) -> Any:
        if self._handler is None:
            raise RuntimeError("the server is not running")
        return await self._handler.handle(request)

    async def settled(self) -> None:
        """Wait until the controllers have reacted to every write so far."""
        if self._controllers is not None:
            await self._controllers.settled()

    def compact(self) -> None:
        """Forget history, so that resuming watches and continue tokens get 410."""
        self.storage.compact()

    def kubeconfig(self, token: str = "") -> str:
        """A kubeconfig as text (JSON is YAML).

        Args:
            token: of the user; empty takes the first static one.
        """
        cluster: dict[str, Any] = {"server": self.url}
        if self._ca:
            cluster["certificate-authority-data"] = base64.b64encode(self._ca).decode()
        token = token or next(iter(self._tokens), "")
        user = {"token": token} if token else {}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "embedded", "cluster": cluster}],
            "users": [{"name": "embedded", "user": user}],
            "contexts": [
                {"name": "embedded", "context": {"cluster": "embedded", "user": "embedded", "namespace": "default"}}
            ],
            "current-context": "embedded",
        }
        return msgspec.json.format(msgspec.json.encode(config)).decode()

    def write_kubeconfig(self, path: str | Path) -> None:
        """Write `kubeconfig()` to a file that only its owner can read."""
        file = Path(path)
        file.touch(mode=0o600, exist_ok=True)
        file.write_text(self.kubeconfig(), encoding="utf-8")


def _user(user: str | User) -> User:
    if isinstance(user, User):
        return user
    groups: Sequence[str] = ("system:masters",) if user in ("admin", "kubernetes-admin") else ()
    return User(user, groups=(*groups, AUTHENTICATED))


def _configurations(storage: Storage) -> Callable[[str], list[Mapping[str, Any]]]:
    return lambda plural: [stored.obj for stored in storage.listed(f"{plural}.admissionregistration.k8s.io")]


def _rbac_objects(storage: Storage) -> Callable[[str, str | None], list[Mapping[str, Any]]]:
    def listed(plural: str, namespace: str | None) -> list[Mapping[str, Any]]:
        return [stored.obj for stored in storage.listed(f"{plural}.rbac.authorization.k8s.io", namespace)]

    return listed
