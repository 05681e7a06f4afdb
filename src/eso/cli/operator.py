"""The operator put together: a manager with every controller that the settings ask for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import datetime

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.cli.generation import generator_parts
from eso.cli.serving import metrics_tls, utc_now
from eso.controllers.clusterexternalsecret.setup import cluster_external_secret_controller
from eso.controllers.clusterpushsecret.setup import cluster_push_secret_controller
from eso.controllers.conditions import cause_of
from eso.controllers.externalsecret.setup import external_secret_controller
from eso.controllers.generatorstate.setup import generator_state_controller
from eso.controllers.pushsecret.setup import push_secret_controller
from eso.controllers.secretstore.setup import store_controller
from eso.errors import EsoError
from eso.generators.registry import GeneratorRegistry
from eso.providers.registry import ProviderRegistry
from eso.settings import ControllerSettings
from eso.stores.client_manager import ClientManager
from eso.stores.credentials import CredentialReader
from eso.stores.metrics import StoreMetrics
from reconcile.api.core_v1 import Namespace, Secret
from reconcile.client.client import Client
from reconcile.client.config import Config
from reconcile.leaderelection import LeaderElection
from reconcile.manager import Manager

__all__ = ["build_operator"]


def build_operator(
    config: Config | Client,
    settings: ControllerSettings,
    *,
    registry: ProviderRegistry | None = None,
    generators: GeneratorRegistry | None = None,
    clock: Callable[[], datetime] = utc_now,
    handle_signals: bool = True,
    lease_namespace: str = "",
) -> Manager:
    """A manager that runs the operator. Call it in the event loop that will run it.

    Args:
        config: of the API server, or a client for it.
        settings: the flags.
        registry: the providers; the built-in ones and installed plug-ins by default.
        generators: the generators; the built-in ones by default.
        clock: the wall clock.
        handle_signals: stop at SIGTERM and SIGINT.
        lease_namespace: of the leader election and of `--all-in-one`; that of the process by default.

    Raises:
        CertificateError: the metrics certificate cannot be used.
    """
    here = lease_namespace or (config.namespace if isinstance(config, Config) else "default")
    manager = _manager(config, settings, handle_signals=handle_signals, lease_namespace=here)
    registry = registry or ProviderRegistry()
    if settings.all_in_one:
        # Certificates and their library take 8 MB, which only this mode needs.
        importlib.import_module("eso.cli.allinone").add_webhook(manager, settings, registry, here, clock=clock)
    clients = ClientManager(
        manager.client,
        registry,
        StoreMetrics(manager.registry),
        controller_class=settings.controller_class,
        option=settings.options(),
        reader=CredentialReader(manager.client, now=clock),
    )
    clients.reader.follow(manager.cache.informer(Secret, metadata_only=True))
    if not settings.namespace or settings.enable_cluster_store_reconciler:
        manager.cache.informer(Namespace)
    manager.add(clients)
    if settings.enable_secret_store_reconciler:
        manager.add(store_controller(SecretStore, manager, clients, settings, clock=clock))
    if settings.enable_cluster_store_reconciler:
        manager.add(store_controller(ClusterSecretStore, manager, clients, settings, clock=clock))
    made = generator_parts(manager, clients, settings, generators or GeneratorRegistry(), clock=clock)
    manager.add(
        generator_state_controller(manager, made.runner, settings, abandoned=made.states.abandoned, clock=clock)
    )
    manager.add(
        external_secret_controller(
            manager,
            clients,
            settings,
            generators=made.entries,
            classes=made.entries,
            changes=made.changes,
            clock=clock,
        )
    )
    if settings.enable_push_secret_reconciler:
        manager.add(
            push_secret_controller(
                manager, clients, settings, generation=made.push_secrets, changes=made.changes, clock=clock
            )
        )
    if settings.enable_cluster_external_secret_reconciler:
        manager.add(cluster_external_secret_controller(manager, settings))
    if settings.enable_cluster_push_secret_reconciler:
        manager.add(cluster_push_secret_controller(manager, settings, clock=clock))
    return manager


def _manager(
    config: Config | Client, settings: ControllerSettings, *, handle_signals: bool, lease_namespace: str
) -> Manager:
    election = None
    if settings.enable_leader_election:
        election = LeaderElection(
            name=settings.leader_election_id,
            namespace=lease_namespace,
            lease_duration=settings.leader_election_lease_duration,
            renew_deadline=settings.leader_election_renew_deadline,
            retry_period=settings.leader_election_retry_period,
        )
    context, followed = metrics_tls(settings.metrics)
    manager = Manager(
        config,
        namespace=settings.namespace,
        leader_election=election,
        metrics_address=settings.metrics.metrics_addr,
        metrics_tls=context,
        metrics_auth=settings.metrics.metrics_auth,
        health_address=settings.live_addr,
        describe=cause_of,
        expected=(EsoError,),
        handle_signals=handle_signals,
    )
    if followed is not None:
        manager.add(followed)
    # A path that probes of External Secrets Operator may ask: `/readyz/readyz`.
    manager.ready_checks["readyz"] = lambda: None
    return manager
