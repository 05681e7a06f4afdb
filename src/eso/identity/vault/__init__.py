"""Sign-in to HashiCorp Vault and OpenBao, for their providers and the VaultDynamicSecret generator.

`connect` makes a `VaultConnection` from a `VaultSpec`: `session.authorized` runs a request with a token that works,
`transport.request` sends it. Everything is plain HTTP on the loop: the API is small, and a thread for each request would be
the queue everybody waits in.
"""

from __future__ import annotations

from eso.identity.vault.connection import VaultConnection, connect
from eso.identity.vault.session import Token, VaultSession
from eso.identity.vault.transport import VaultTransport

__all__ = ["Token", "VaultConnection", "VaultSession", "VaultTransport", "connect"]
