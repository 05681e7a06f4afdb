"""Reads kubeconfig files; imported only when there is one to read."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from reconcile.client.config import Config
from reconcile.client.credentials import Credentials, StaticCredentials
from reconcile.client.plugins import PluginCredentials
from reconcile.errors import ConfigError

__all__ = ["read_kubeconfig"]

_SECTIONS = ("clusters", "contexts", "users")


def read_kubeconfig(paths: str, context: str | None = None) -> Config:
    """The configuration of a context.

    Args:
        paths: one file, or several joined by `:` whose contents are merged as kubectl does (the first one wins).
        context: its name; None means the current one.

    Raises:
        ConfigError: no file is there, one is not a kubeconfig, or the context is incomplete. No message quotes a secret.
    """
    sections, current = _merge([path for path in paths.split(os.pathsep) if path], paths)
    name = context or current
    if not name:
        raise ConfigError(f"{paths}: current-context is not set; name a context")
    wanted, _ = _named(sections, "contexts", name, paths)
    cluster, cluster_dir = _named(sections, "clusters", str(wanted.get("cluster") or ""), paths)
    user: Mapping[str, Any] = {}
    user_dir = Path()
    if wanted.get("user"):
        user, user_dir = _named(sections, "users", str(wanted["user"]), paths)
    server = cluster.get("server")
    if not isinstance(server, str) or not server:
        raise ConfigError(f"{paths}: cluster {wanted.get('cluster')!r} has no server")
    basic = _basic(user)
    return Config(
        server=server.rstrip("/"),
        namespace=str(wanted.get("namespace") or "default"),
        ca_file=_file(cluster, "certificate-authority", cluster_dir),
        ca_data=_data(cluster, "certificate-authority-data", paths),
        token="" if basic else str(user.get("token") or ""),
        # As kubectl: a token given beside a file is only its initial value.
        token_file=_file(user, "tokenFile", user_dir),
        credentials=_plugin(user, paths, name) or basic,
        client_certificate_file=_file(user, "client-certificate", user_dir),
        client_key_file=_file(user, "client-key", user_dir),
        client_certificate_data=_data(user, "client-certificate-data", paths),
        client_key_data=_data(user, "client-key-data", paths),
        tls_server_name=str(cluster.get("tls-server-name") or ""),
        insecure_skip_tls_verify=bool(cluster.get("insecure-skip-tls-verify")),
        proxy_url=str(cluster.get("proxy-url") or ""),
    )


_Sections = dict[str, dict[str, tuple[Mapping[str, Any], Path]]]


def _merge(files: list[str], paths: str) -> tuple[_Sections, str]:
    sections: _Sections = {section: {} for section in _SECTIONS}
    current = ""
    found = [path for path in (Path(file).expanduser() for file in files) if path.exists()]
    if not found:
        raise ConfigError(f"{paths}: no such file")
    for path in found:
        body = _load(path)
        current = current or str(body.get("current-context") or "")
        for section in _SECTIONS:
            for entry in body.get(section) or ():
                if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
                    raise ConfigError(f"{path}: an entry of {section} has no name")
                content = entry.get(section.removesuffix("s")) or {}
                sections[section].setdefault(entry["name"], (content, path.parent))
    return sections, current


def _load(path: Path) -> Mapping[str, Any]:
    try:
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise ConfigError(f"{path}: cannot be read: {err.strerror}") from err
    except (yaml.YAMLError, UnicodeDecodeError):
        # The parser's message quotes the line it stumbled over, which may be a token.
        raise ConfigError(f"{path}: this is not YAML") from None
    if body is None:
        return {}
    if not isinstance(body, Mapping):
        raise ConfigError(f"{path}: this is not a kubeconfig")
    return body


def _named(sections: _Sections, section: str, name: str, paths: str) -> tuple[Mapping[str, Any], Path]:
    found = sections[section].get(name)
    if found is None or not isinstance(found[0], Mapping):
        known = ", ".join(sorted(sections[section])) or "none"
        raise ConfigError(f"{paths}: there is no {section.removesuffix('s')} {name!r} (known: {known})")
    return found


def _file(section: Mapping[str, Any], field: str, directory: Path) -> str:
    value = section.get(field)
    # `<field>-data` wins over `<field>`, as in client-go.
    return str(directory / str(value)) if value and not section.get(f"{field}-data") else ""


def _data(section: Mapping[str, Any], field: str, paths: str) -> bytes:
    value = section.get(field)
    if not value:
        return b""
    try:
        return base64.b64decode(str(value), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(f"{paths}: {field} is not base64") from None


def _basic(user: Mapping[str, Any]) -> Credentials | None:
    if not user.get("username") or not user.get("password"):
        return None
    pair = f"{user['username']}:{user['password']}".encode()
    return StaticCredentials(f"Basic {base64.b64encode(pair).decode('ascii')}")


def _plugin(user: Mapping[str, Any], paths: str, context: str) -> Credentials | None:
    if not user.get("exec") and not user.get("auth-provider"):
        return None
    return PluginCredentials(paths, context)
