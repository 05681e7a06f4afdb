"""hvac over asyncio: its API classes know paths, parameters and payloads of Vault; what they ask for is sent by a `VaultTransport`.

Every method of hvac that is used here builds a request and returns what the adapter returns, which is an awaitable. hvac's own
adapters would need a thread for each request, quote the server in their exceptions, and drop `X-Vault-Index`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from eso.identity.vault.transport import VaultTransport
from eso.values import SecretValue

__all__ = ["Request", "VaultAdapter"]

_PREFIX: Final = "/v1/"

Answer = Awaitable[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class VaultAdapter:
    """What hvac's API classes call an adapter, for one request.

    Attributes:
        transport: sends it, and turns what goes wrong into `eso.errors`; see `VaultTransport.request`.
        what: the operation and its subject, for messages.
        token: sent with it.
        namespace: in place of the transport's.
        retry: whether a request that failed is sent again.
    """

    transport: VaultTransport
    what: str
    token: SecretValue | None = None
    namespace: str | None = None
    retry: bool = True

    def get(self, url: str, params: Mapping[str, str | Sequence[str]] | None = None) -> Answer:
        """Read."""
        return self.request("GET", url, params=params)

    def list(self, url: str, params: Mapping[str, str | Sequence[str]] | None = None) -> Answer:
        """Read the names below."""
        return self.request("LIST", url, params=params)

    def post(self, url: str, json: Mapping[str, Any] | None = None, wrap_ttl: None = None) -> Answer:
        """Write, by PUT as Vault's own client does: the server makes no difference, but a proxy with rules might."""
        del wrap_ttl  # hvac hands it through; nothing here wraps an answer
        return self.request("PUT", url, json=json or {})

    put = post

    def delete(self, url: str) -> Answer:
        """Delete."""
        return self.request("DELETE", url)

    def login(self, url: str, use_token: bool = True, json: Mapping[str, Any] | None = None) -> Answer:
        """Sign in; the token is in the answer, whatever `use_token` says: an adapter lives for one request."""
        del use_token
        return self.post(url, json)

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | Sequence[str]] | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Send; `url` begins with `/v1/` and is quoted, as hvac makes it."""
        return self.transport.request(
            method,
            unquote(url.removeprefix(_PREFIX)),
            self.what,
            token=self.token,
            namespace=self.namespace,
            body=json,
            query=params,
            retry=self.retry,
        )


Request = Callable[[VaultAdapter], Answer]
"""Makes one request by an API class of hvac, for example `lambda vault: KvV1(vault).read_secret("path", mount_point="kv")`."""
