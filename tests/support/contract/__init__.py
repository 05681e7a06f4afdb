"""What a Kubernetes API server must do, as cases over plain HTTP: run on the embedded server and on a real one."""

from __future__ import annotations

from tests.support.contract import definitions, lifecycle, lists, objects, ownership, patches, reviews, schemas, watches
from tests.support.contract.api import Api, Case, Server, embedded_server, prepare
from tests.support.contract.api import collect as _collect

__all__ = ["CASES", "Api", "Case", "Server", "embedded_server", "prepare"]

_MODULES = (objects, lists, patches, ownership, schemas, definitions, watches, lifecycle, reviews)

CASES: list[Case] = [case for module in _MODULES for case in _collect(module)]
