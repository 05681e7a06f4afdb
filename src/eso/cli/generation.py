"""Puts together what makes generated values and keeps account of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from eso.api.generators_v1alpha1.generatorstate import GeneratorState
from eso.controllers.revival import GeneratorChanges
from eso.generators.entries import ExternalSecretGenerators
from eso.generators.generation import Generation
from eso.generators.registry import GeneratorRegistry
from eso.generators.resolve import GeneratorResolver
from eso.generators.runner import GeneratorRunner
from eso.generators.state import STATE_INDEXES, GeneratorStates
from eso.settings import ControllerSettings
from eso.stores.client_manager import ClientManager
from reconcile.api.model import KubeObject
from reconcile.manager import Manager

__all__ = ["GeneratorParts", "generator_parts"]


@dataclass(frozen=True, slots=True)
class GeneratorParts:
    """One of each, shared by the controllers.

    Attributes:
        runner: undoes what was made, for the generatorstate controller.
        entries: for the externalsecret controller; it keeps account if `--enable-generator-state` says so.
        push_secrets: for the pushsecret controller; it always keeps account.
        states: the accounts.
        changes: tells of generators that are made or edited.
    """

    runner: GeneratorRunner
    entries: ExternalSecretGenerators
    push_secrets: Generation
    states: GeneratorStates
    changes: GeneratorChanges


def generator_parts(
    manager: Manager,
    clients: ClientManager,
    settings: ControllerSettings,
    registry: GeneratorRegistry,
    *,
    clock: Callable[[], datetime],
) -> GeneratorParts:
    """The parts for one operator."""

    def watch(kind: type[KubeObject]) -> None:
        # An operator for one namespace may not be allowed to list cluster-scoped objects.
        if kind.resource.namespaced or not settings.namespace:
            manager.cache.informer(kind, optional=True).add_handler(changes.told)

    changes = GeneratorChanges()
    runner = GeneratorRunner(clients, registry)
    resolver = GeneratorResolver(manager.client, registry, watch=watch)
    states = GeneratorStates(manager.client, manager.cache.informer(GeneratorState, indexes=STATE_INDEXES))

    def generation(kept: GeneratorStates | None) -> Generation:
        return Generation(resolver, runner, kept, grace=settings.generator_gc_grace_period, clock=clock)

    entries = ExternalSecretGenerators(generation(states if settings.enable_generator_state else None), resolver)
    return GeneratorParts(runner, entries, generation(states), states, changes)
