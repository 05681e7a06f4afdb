"""Which API server to talk to and as whom: in a Pod, or from a kubeconfig."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from reconcile.client.credentials import Credentials, StaticCredentials, TokenFile
from reconcile.errors import ConfigError

__all__ = ["Config", "in_cluster_config", "load_config"]

_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How to reach one API server; secrets stay out of the repr.

    Attributes:
        server: base URL, for example `https://10.96.0.1:443`.
        namespace: the namespace this program runs in, or the context's.
        ca_file: path of PEM certificates to trust; read again when it changes.
        ca_data: PEM certificates to trust, instead of a file.
        token: a bearer token that does not change.
        token_file: path of a bearer token that somebody keeps fresh.
        credentials: anything else that makes Authorization headers (exec plugins, OIDC).
        client_certificate_file: path of a PEM client certificate; read again when it changes.
        client_key_file: path of its key.
        client_certificate_data: a PEM client certificate, instead of a file.
        client_key_data: its key.
        tls_server_name: name expected in the server's certificate, when it is not the URL's host.
        insecure_skip_tls_verify: trust any certificate; for experiments only.
        proxy_url: HTTP proxy.
        user_agent: sent with every request, visible in the server's audit log.
        request_timeout: seconds for one request, watches excepted; client-go has none, controller-runtime's calls are
            bounded by their context; 30 s is below the API server's own 60 s.
        answer_limit: bytes of one answer, watches excepted, for a server that is not trusted; sixteen times as many for a
            page of a list; None for any number.
    """

    server: str
    namespace: str = "default"
    ca_file: str = ""
    ca_data: bytes = field(default=b"", repr=False)
    token: str = field(default="", repr=False)
    token_file: str = ""
    credentials: Credentials | None = field(default=None, repr=False)
    client_certificate_file: str = ""
    client_key_file: str = ""
    client_certificate_data: bytes = field(default=b"", repr=False)
    client_key_data: bytes = field(default=b"", repr=False)
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    proxy_url: str = field(default="", repr=False)
    user_agent: str = "reconcile"
    request_timeout: float = 30.0
    answer_limit: int | None = None

    def make_credentials(self) -> Credentials:
        """The source of Authorization headers that these fields describe."""
        if self.credentials is not None:
            return self.credentials
        if self.token_file:
            return TokenFile(self.token_file)
        return StaticCredentials(f"Bearer {self.token}" if self.token else "")


def load_config(kubeconfig: str | None = None, context: str | None = None) -> Config:
    """The configuration kubectl would use, or the Pod's own.

    Looked at in this order: `kubeconfig`, `$KUBECONFIG`, the service account of the Pod this runs in,
    `~/.kube/config`.

    Args:
        kubeconfig: path, or several joined by `:`.
        context: name of a context in it; None means the current one.

    Raises:
        ConfigError: none of them is there, or the one that is there is broken.
    """
    paths = kubeconfig or os.environ.get("KUBECONFIG", "")
    if paths:
        return _from_kubeconfig(paths, context)
    if context is None and "KUBERNETES_SERVICE_HOST" in os.environ and Path(_SERVICE_ACCOUNT, "token").exists():
        return in_cluster_config()
    home = Path.home() / ".kube" / "config"
    if home.exists():
        return _from_kubeconfig(str(home), context)
    raise ConfigError(
        "no API server is configured: set KUBECONFIG, create ~/.kube/config, or run in a Pod with a service account"
    )


def in_cluster_config(directory: str = _SERVICE_ACCOUNT) -> Config:
    """The configuration of the Pod this runs in.

    Args:
        directory: where the kubelet mounts the service account.

    Raises:
        ConfigError: this is not a Pod, or its service account token is not mounted.
    """
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise ConfigError("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is not a Pod")
    root = Path(directory)
    for name in ("token", "ca.crt"):
        if not (root / name).exists():
            raise ConfigError(f"{root / name} is missing: automountServiceAccountToken may be off for this Pod")
    try:
        namespace = (root / "namespace").read_text(encoding="utf-8").strip()
    except OSError:
        namespace = ""
    return Config(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        namespace=namespace or "default",
        token_file=str(root / "token"),
        ca_file=str(root / "ca.crt"),
    )


def _from_kubeconfig(paths: str, context: str | None) -> Config:
    # Its reader costs half a second and 40 MB: a Pod never pays for it.
    module = importlib.import_module("reconcile.client.kubeconfig")
    config = module.read_kubeconfig(paths, context)
    if not isinstance(config, Config):
        raise ConfigError(f"{paths} could not be read")
    return config
