"""`eso webhook`: the validating admission webhook."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from eso.cli.about import WEBHOOK, WEBHOOK_DURATIONS
from eso.cli.flags import ServerFlags, add_settings, read_settings
from eso.cli.serving import metrics_tls, start
from eso.providers.registry import ProviderRegistry
from eso.settings import WebhookSettings
from eso.webhook.certificates import WatchedCertificates
from eso.webhook.tls import minimum_version, openssl_ciphers
from eso.webhook.validate import webhooks
from reconcile.client.config import Config
from reconcile.client.surroundings import load_config
from reconcile.errors import ConfigError
from reconcile.manager import Manager
from reconcile.metrics import WebhookMetrics
from reconcile.webhook.server import CertificateFiles, ServingCertificate, WebhookServer

__all__ = ["build_webhook", "main", "parse", "parser"]

_RELOAD_SECONDS = 2.0


def parser() -> ServerFlags:
    """Its flags."""
    flags = ServerFlags(prog="eso webhook", description="Validate objects.")
    add_settings(flags, WebhookSettings(), WEBHOOK, durations=WEBHOOK_DURATIONS)
    return flags


def parse(arguments: Sequence[str]) -> WebhookSettings:
    """The settings that the flags describe; ends the program on a flag that is wrong."""
    return read_settings(WebhookSettings, parser().parse_args(list(arguments)))


def main(arguments: Sequence[str]) -> int:
    """Run until a signal, or until the certificate nears its end; 1 when it could not start."""
    settings = parse(arguments)
    return start(partial(_operate, settings), settings.metrics, settings.loglevel, settings.zap_time_encoding)


def build_webhook(
    config: Config,
    settings: WebhookSettings,
    *,
    registry: ProviderRegistry | None = None,
    handle_signals: bool = True,
) -> Manager:
    """A manager that serves the webhook. Call it in the event loop that will run it.

    Raises:
        ValueError: an unknown cipher.
        CertificateError: the metrics certificate cannot be used.
    """
    context, followed = metrics_tls(settings.metrics)
    manager = Manager(
        config,
        metrics_address=settings.metrics.metrics_addr,
        metrics_tls=context,
        metrics_auth=settings.metrics.metrics_auth,
        health_address=settings.healthz_addr,
        handle_signals=handle_signals,
    )
    if followed is not None:
        manager.add(followed)
    metrics = WebhookMetrics(manager.registry)
    serving = ServingCertificate(
        minimum=minimum_version(settings.tls_min_version, settings.tls_ciphers),
        ciphers=openssl_ciphers(settings.tls_ciphers),
        metrics=metrics,
    )
    certificates = WatchedCertificates(
        CertificateFiles(settings.cert_dir, serving, interval=_RELOAD_SECONDS),
        settings.dns_name,
        check_interval=settings.check_interval,
        lookahead=settings.lookahead_interval,
        stop=manager.stop,
    )
    server = WebhookServer(webhooks(registry or ProviderRegistry()), serving, port=settings.port, metrics=metrics)
    manager.add(certificates, before_caches=True)
    manager.add(server, before_caches=True)
    # The webhook reads nothing from the API server: only its certificate and its port decide.
    manager.ready_checks.clear()
    manager.ready_checks["certs"] = lambda: certificates.problem() or server.problem()
    return manager


async def _operate(settings: WebhookSettings) -> None:
    try:
        config = await asyncio.to_thread(load_config)
    except ConfigError:
        if settings.metrics.metrics_auth:
            raise
        # Without a token to review, nothing is ever asked of it.
        config = Config(server="https://kubernetes.default.svc")
    await build_webhook(config, settings).run()
