"""The configuration that a program finds around it: in a Pod, or in a kubeconfig."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

from reconcile.client.config import Config
from reconcile.errors import ConfigError

__all__ = ["in_cluster_config", "load_config"]

_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


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
