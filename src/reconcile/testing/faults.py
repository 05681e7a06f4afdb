"""Faults on purpose: matching requests to the embedded API server fail, stall or break off."""

from __future__ import annotations

from reconcile.testing.apiserver.faulting import Fault, Faults
from reconcile.testing.apiserver.requests import ApiRequest

__all__ = ["ApiRequest", "Fault", "Faults"]
