"""An embedded Kubernetes control plane: storage, API, controllers, over HTTP or without sockets.

async with ApiServer() as server:
    client = Client(server.transport)      # or Client(server.config), kubectl with server.write_kubeconfig(path)
"""

from __future__ import annotations

from reconcile.testing.apiserver.faulting import Fault, Faults
from reconcile.testing.apiserver.requests import ApiRequest, User
from reconcile.testing.apiserver.server import ApiServer

__all__ = ["ApiRequest", "ApiServer", "Fault", "Faults", "User"]
