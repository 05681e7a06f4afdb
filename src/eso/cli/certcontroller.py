"""`eso certcontroller`: issues and rotates the webhook's certificate and makes the API server trust it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from eso.cli.about import CERTCONTROLLER, CERTCONTROLLER_DURATIONS
from eso.cli.flags import ServerFlags, add_settings, read_settings
from eso.cli.serving import metrics_tls, start, utc_now
from eso.controllers.conditions import cause_of
from eso.controllers.crds.setup import definition_controller
from eso.controllers.serving import Serving
from eso.controllers.webhookconfig.setup import configuration_controller
from eso.errors import EsoError
from eso.settings import CertControllerSettings
from reconcile.client.client import Client
from reconcile.client.config import Config
from reconcile.client.surroundings import load_config
from reconcile.leaderelection import LeaderElection
from reconcile.manager import Manager

__all__ = ["build_cert_controller", "main", "parse", "parser"]

_LEASE = "crd-certs-controller"


def parser() -> ServerFlags:
    """Its flags."""
    flags = ServerFlags(prog="eso certcontroller", description="Keep the certificate of the webhook.")
    add_settings(flags, CertControllerSettings(), CERTCONTROLLER, durations=CERTCONTROLLER_DURATIONS)
    return flags


def parse(arguments: Sequence[str]) -> CertControllerSettings:
    """The settings that the flags describe; ends the program on a flag that is wrong."""
    return read_settings(CertControllerSettings, parser().parse_args(list(arguments)))


def main(arguments: Sequence[str]) -> int:
    """Run until a signal; 0 after a clean stop, 1 when it could not start or lost the lease."""
    settings = parse(arguments)
    return start(partial(_operate, settings), settings.metrics, settings.loglevel, settings.zap_time_encoding)


def build_cert_controller(
    config: Config | Client,
    settings: CertControllerSettings,
    *,
    clock: Callable[[], datetime] = utc_now,
    handle_signals: bool = True,
    lease_namespace: str = "",
) -> Manager:
    """A manager that runs both controllers. Call it in the event loop that will run it.

    Raises:
        CertificateError: the metrics certificate cannot be used.
    """
    context, followed = metrics_tls(settings.metrics)
    here = lease_namespace or (config.namespace if isinstance(config, Config) else "default")
    manager = Manager(
        config,
        leader_election=LeaderElection(name=_LEASE, namespace=here) if settings.enable_leader_election else None,
        metrics_address=settings.metrics.metrics_addr,
        metrics_tls=context,
        metrics_auth=settings.metrics.metrics_auth,
        health_address=settings.healthz_addr,
        describe=cause_of,
        expected=(EsoError,),
        handle_signals=handle_signals,
    )
    if followed is not None:
        manager.add(followed)
    serving = Serving(
        settings.service_name, settings.service_namespace, settings.secret_name, settings.secret_namespace
    )

    def leads() -> bool:
        return manager.elector is None or manager.elector.leading.is_set()

    manager.add(definition_controller(manager, serving, settings, leads=leads, clock=clock))
    manager.add(configuration_controller(manager, serving, settings, leads=leads))
    return manager


async def _operate(settings: CertControllerSettings) -> None:
    config = await asyncio.to_thread(load_config)
    await build_cert_controller(config, settings).run()
