"""Credentials that a kubeconfig obtains from elsewhere: exec plugins, OIDC, and other auth providers.

`kubernetes_asyncio` does that; it takes half a second and 40 MB to import, so it is imported when the first token is needed.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from datetime import UTC, datetime
from typing import Any

from reconcile.errors import ConfigError

__all__ = ["PluginCredentials"]

_LOG = logging.getLogger(__name__)
# OIDC tokens say themselves when they end; looking costs nothing but decoding one.
_LOOK_EVERY = 60.0


class _Target:
    """Takes what the loader sets on a client configuration."""

    def __init__(self) -> None:
        self.api_key: dict[str, str] = {}
        self.cert_file: str | None = None
        self.key_file: str | None = None


class PluginCredentials:
    """Runs the plugin of a context, and again before what it gave expires.

    Args:
        paths: the kubeconfig files, joined as in `KUBECONFIG`.
        context: the name of the context.
    """

    def __init__(self, paths: str, context: str) -> None:
        self._paths = paths
        self._context = context
        self._loader: Any = None
        self._authorization = ""
        self._valid_until = float("-inf")
        self._certificate: tuple[str, str] | None = None
        self._lock = asyncio.Lock()

    @property
    def client_certificate(self) -> tuple[str, str] | None:
        """Certificate and key that the plugin gave, or the user has beside it."""
        return self._certificate

    async def authorization(self) -> str:
        """The header, from memory while it is valid.

        Raises:
            ConfigError: the plugin failed; its output is not quoted, it may hold credentials.
        """
        loop = asyncio.get_running_loop()
        if loop.time() < self._valid_until:
            return self._authorization
        async with self._lock:
            if loop.time() >= self._valid_until:
                await self._obtain(loop.time())
        return self._authorization

    def expire(self, authorization: str) -> None:
        """Run the plugin again before the next request, unless it ran since `authorization` was made."""
        # Fifty requests that get their 401 together must not run it fifty times.
        if authorization == self._authorization:
            self._loader = None
            self._valid_until = float("-inf")

    async def _obtain(self, now: float) -> None:
        target = _Target()
        try:
            loader = self._loader or await asyncio.to_thread(self._load)
            await loader.load_and_set(target)
        except Exception as err:  # noqa: BLE001 - see below
            # A boundary to code of others: whatever it raises, its text may quote what the plugin printed.
            raise ConfigError(
                f"the credentials of context {self._context!r} in {self._paths} could not be obtained:"
                f" {type(err).__name__}"
            ) from None
        self._authorization = target.api_key.get("BearerToken", "")
        if target.cert_file and target.key_file:
            self._certificate = (target.cert_file, target.key_file)
        expiry = getattr(loader, "exec_plugin_expiry", None)
        if isinstance(expiry, datetime):
            left = (expiry - datetime.now(UTC)).total_seconds()
            self._valid_until = now + max(1.0, left - min(60.0, left / 10))
            self._loader = None
        elif getattr(loader, "provider", None):
            self._valid_until = now + _LOOK_EVERY
            self._loader = loader
        else:
            # An exec plugin that names no end: until the server says 401.
            self._valid_until = float("inf")

    def _load(self) -> Any:
        reader = importlib.import_module("kubernetes_asyncio.config.kube_config")
        merged = reader.KubeConfigMerger(self._paths)
        return reader.KubeConfigLoader(
            config_dict=merged.config,
            active_context=self._context,
            config_base_path=None,
            # A rotated refresh token that is not written back locks the user out of kubectl.
            config_persister=lambda _: merged.save_changes(),
        )
