"""How to get a token: the auth methods of a `VaultAuth`, each as a `Login`.

What stands in Secrets is read when the client is made (it is made anew when they change); tokens of ServiceAccounts are asked
for again at every login, because they end.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

from hvac.api.auth_methods import JWT, AppRole, Kubernetes, Ldap, Userpass

from eso.api.meta_v1 import SecretKeySelector, ServiceAccountSelector
from eso.api.vault_v1 import (
    VaultAppRole,
    VaultAuth,
    VaultCertAuth,
    VaultJwtAuth,
    VaultKubernetesAuth,
    VaultLdapAuth,
    VaultUserPassAuth,
)
from eso.errors import InvalidSpecError, ProviderError, ProviderNotAvailableError, ReferenceNotFoundError
from eso.identity.context import CredentialContext, SignInContext
from eso.identity.vault.adapter import Request
from eso.identity.vault.session import Login
from eso.values import SecretValue

__all__ = [
    "app_role_login",
    "login_of",
    "login_url",
    "mount",
    "password_login",
    "required",
    "with_key",
]

TOKEN_SECONDS: Final = 600
"""Lifetime asked for tokens of ServiceAccounts; the shortest that the API server gives."""

MOUNTED_TOKEN: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
"""The operator's own token, in its Pod."""

JWT_AUDIENCE: Final = "vault"


async def login_of(
    auth: VaultAuth, context: SignInContext, *, server: str, environ: Mapping[str, str] | None = None
) -> Login | None:
    """The login of the first method that is configured; None when there is none but a token.

    Args:
        auth: settings without a static token.
        context: resolves the references.
        server: its URL, which a GCP identity token names.
        environ: what the operator's own AWS identity is read from; None for the process environment.

    Raises:
        EsoError: a reference is missing or incomplete.
    """
    login = await _simple(auth, context) or await _cloud(auth, context, server, environ)
    return None if login is None else replace(login, namespace=auth.namespace)


async def _simple(auth: VaultAuth, context: SignInContext) -> Login | None:
    if auth.app_role is not None:
        return await app_role_login(auth.app_role, context)
    if auth.kubernetes is not None:
        return await _kubernetes(auth.kubernetes, context)
    if auth.ldap is not None:
        return await password_login("ldap", auth.ldap, context)
    if auth.user_pass is not None:
        return await password_login("userPass", auth.user_pass, context)
    if auth.jwt is not None:
        return await _jwt(auth.jwt, context)
    if auth.cert is not None:
        return _cert(auth.cert)
    return None


async def _cloud(
    auth: VaultAuth, context: SignInContext, server: str, environ: Mapping[str, str] | None
) -> Login | None:
    """The methods whose modules are loaded when they are used."""
    if auth.iam is not None:
        login: Login = await _module("aws").iam_login(auth.iam, context, os.environ if environ is None else environ)
        return login
    if auth.gcp is not None:
        signed: Login = await _module("gcp").gcp_login(auth.gcp, context, server=server)
        return signed
    return None


def _module(name: str) -> Any:
    try:
        return importlib.import_module(f"eso.identity.vault.{name}")
    except ImportError as err:
        raise ProviderNotAvailableError(
            f'signing in to Vault by {name} is not available: install it with: pip install "eso[{name}]"'
        ) from err


class AppRoleSettings(Protocol):
    """The fields of an AppRole, of Vault or OpenBao."""

    @property
    def path(self) -> str: ...
    @property
    def role_id(self) -> str | None: ...
    @property
    def role_ref(self) -> SecretKeySelector | None: ...
    @property
    def secret_ref(self) -> SecretKeySelector: ...


class UserAndPassword(Protocol):
    """The fields of a user, of Vault or OpenBao."""

    @property
    def path(self) -> str: ...
    @property
    def username(self) -> str: ...
    @property
    def secret_ref(self) -> SecretKeySelector | None: ...


async def app_role_login(role: AppRoleSettings | VaultAppRole, context: CredentialContext) -> Login:
    """AppRole: `roleId` or what `roleRef` points to, and the secret id.

    Raises:
        InvalidSpecError: neither role id.
        ReferenceNotFoundError: a Secret is missing.
    """
    if role.role_id:
        role_id = role.role_id.strip()
    elif role.role_ref is not None:
        role_id = (await context.resolve(role.role_ref)).reveal_text()
    else:
        raise InvalidSpecError("auth.appRole needs roleId or roleRef")
    secret = await context.resolve(role.secret_ref)
    path = mount(role.path)

    async def prepare() -> Request:
        return lambda vault: AppRole(vault).login(role_id, secret.reveal_text(), mount_point=path)

    return Login("appRole", path, prepare)


async def password_login(
    method: str,
    user: UserAndPassword | VaultLdapAuth | VaultUserPassAuth,
    context: CredentialContext,
    *,
    trim: bool = True,
) -> Login:
    """User and password, of a directory or of Vault itself.

    Args:
        method: `ldap` or `userPass`, for messages.
        user: the settings.
        context: resolves the password.
        trim: whether spaces around the name are cut off.

    Raises:
        InvalidSpecError: no user name, or no `secretRef`.
        ReferenceNotFoundError: the Secret is missing.
    """
    name = user.username.strip() if trim else user.username
    if not name:
        raise InvalidSpecError(f"auth.{method} needs a username")
    password = await context.resolve(required(user.secret_ref, f"auth.{method}.secretRef"))
    path = mount(user.path)

    async def prepare() -> Request:
        if method == "ldap":
            return lambda vault: Ldap(vault).login(name, password.reveal_text(), mount_point=path)
        # hvac quotes every part of a path but this one.
        return lambda vault: Userpass(vault).login(quote(name, safe=""), password.reveal_text(), mount_point=path)

    return Login(method, path, prepare)


async def _kubernetes(auth: VaultKubernetesAuth, context: SignInContext) -> Login:
    token: Callable[[], Awaitable[SecretValue]]
    if auth.service_account_ref is not None:
        token = partial(_account_token, auth.service_account_ref, context)
    elif auth.secret_ref is not None:
        token = _constant(await context.resolve(with_key(auth.secret_ref, "token")))
    else:
        token = _mounted_token
    path = mount(auth.mount_path)

    async def prepare() -> Request:
        jwt = await token()
        return lambda vault: Kubernetes(vault).login(auth.role, jwt.reveal_text(), mount_point=path)

    return Login("kubernetes", path, prepare)


async def _jwt(auth: VaultJwtAuth, context: SignInContext) -> Login:
    role = (auth.role or "").strip()
    token: Callable[[], Awaitable[SecretValue]]
    account = auth.kubernetes_service_account_token
    if auth.secret_ref is not None:
        token = _constant(await context.resolve(auth.secret_ref))
    elif account is not None:
        audiences = [JWT_AUDIENCE] if account.audiences is None else account.audiences
        seconds = TOKEN_SECONDS if account.expiration_seconds is None else account.expiration_seconds
        token = partial(context.service_account_token, account.service_account_ref, audiences, seconds)
    else:
        raise InvalidSpecError("auth.jwt needs secretRef or kubernetesServiceAccountToken")

    path = mount(auth.path)

    async def prepare() -> Request:
        jwt = await token()
        return lambda vault: JWT(vault).jwt_login(role, jwt.reveal_text(), path=path)

    # ESO counts this login as a write of data.
    return Login("jwt", path, prepare, call="WriteSecretData")


def _cert(auth: VaultCertAuth) -> Login:
    path = mount(auth.path)
    body = {"name": auth.vault_role} if auth.vault_role else {}

    async def prepare() -> Request:
        # hvac's method wants the certificate in files, and changes its session for it; here the connection presents it.
        return lambda vault: vault.login(login_url(path), json=body)

    return Login("cert", path, prepare)


def login_url(path: str) -> str:
    """Where a method that is mounted at `path` takes logins, in the form that hvac gives an adapter."""
    return f"/v1/auth/{quote(path)}/login"


async def _account_token(account: ServiceAccountSelector, context: CredentialContext) -> SecretValue:
    """A token from TokenRequest; where that fails, one of the Secrets that the ServiceAccount lists."""
    try:
        return await context.service_account_token(account, (), TOKEN_SECONDS)
    except (ProviderError, ReferenceNotFoundError):
        for name in await context.service_account_secrets(account):
            legacy = SecretKeySelector(name=name, key="token", namespace=account.namespace)
            try:
                return await context.resolve(legacy)
            except ReferenceNotFoundError:
                continue
        raise


async def _mounted_token() -> SecretValue:
    try:
        return SecretValue(await asyncio.to_thread(MOUNTED_TOKEN.read_bytes))
    except OSError as err:
        raise InvalidSpecError(
            "auth.kubernetes names no serviceAccountRef and no secretRef, and the operator has no token of its own"
        ) from err


def required(ref: SecretKeySelector | None, field: str) -> SecretKeySelector:
    """The reference.

    Raises:
        InvalidSpecError: there is none.
    """
    if ref is None:
        raise InvalidSpecError(f"{field} is required")
    return ref


def with_key(ref: SecretKeySelector, key: str) -> SecretKeySelector:
    """The reference with a data key, `key` when it names none."""
    return ref if ref.key else ref.model_copy(update={"key": key})


def mount(path: str) -> str:
    """A mount without slashes around it."""
    return path.strip("/")


def _constant(value: SecretValue) -> Callable[[], Awaitable[SecretValue]]:
    """As a source that never changes."""

    async def source() -> SecretValue:
        return value

    return source
