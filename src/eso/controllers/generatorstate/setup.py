"""Puts the generatorstate controller together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from eso.api.generators_v1alpha1.generatorstate import GeneratorState
from eso.controllers.generatorstate.reconciler import CleanUp, GeneratorStateReconciler
from eso.settings import ControllerSettings
from reconcile.controller import Controller
from reconcile.manager import Manager

__all__ = ["generator_state_controller"]


def generator_state_controller(
    manager: Manager,
    runner: CleanUp,
    settings: ControllerSettings,
    *,
    abandoned: Callable[[GeneratorState], bool],
    clock: Callable[[], datetime],
) -> Controller:
    """The controller; it runs whatever `--enable-generator-state` says, so that what was recorded before is undone."""
    reconciler = GeneratorStateReconciler(
        manager.client, runner, abandoned=abandoned, events=manager.events("external-secrets"), clock=clock
    )
    return Controller(GeneratorState, reconciler.reconcile, name="generatorstate", workers=settings.concurrent)
