"""Sign-in to Google, for the gcpsm provider, the GCRAccessToken generator and Vault's gcp method.

`Google` turns an identity into access tokens. It needs no SDK, and reads from the process environment only what names the operator's
own credentials, its metadata server and its universe.
"""

from __future__ import annotations

from eso.identity.gcp.endpoints import GOOGLE, GoogleEndpoints, universe_of
from eso.identity.gcp.google import Google, GoogleContext, Observe
from eso.identity.gcp.tokens import AccessToken

__all__ = ["GOOGLE", "AccessToken", "Google", "GoogleContext", "GoogleEndpoints", "Observe", "universe_of"]
