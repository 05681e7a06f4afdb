"""Sign-in to HashiCorp Vault and OpenBao, for their providers and the VaultDynamicSecret generator.

`connect` makes a `VaultConnection` from a `VaultSpec`: `session.authorized` runs a request with a token that works. hvac's API
classes make the requests and a `VaultTransport` sends them, on the loop: a thread for each would be the queue everybody waits in.
"""

from __future__ import annotations

from eso.identity.vault.adapter import Request, VaultAdapter
from eso.identity.vault.connection import VaultConnection, connect
from eso.identity.vault.session import Token, VaultSession
from eso.identity.vault.transport import VaultTransport

__all__ = ["Request", "Token", "VaultAdapter", "VaultConnection", "VaultSession", "VaultTransport", "connect"]
