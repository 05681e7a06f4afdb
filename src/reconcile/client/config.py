"""How to reach an API server, and as whom."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconcile.client.credentials import Credentials, StaticCredentials, TokenFile

__all__ = ["Config"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How to reach one API server; secrets stay out of the repr.

    Attributes:
        server: base URL, for example `https://10.96.0.1:443`.
        namespace: the namespace this program runs in, or the context's.
        ca_file: path of PEM certificates to trust; read again when it changes.
        ca_data: PEM certificates to trust, instead of a file.
        token: a bearer token that does not change.
        token_file: path of a bearer token that somebody keeps fresh.
        credentials: anything else that makes Authorization headers (exec plugins, OIDC).
        client_certificate_file: path of a PEM client certificate; read again when it changes.
        client_key_file: path of its key.
        client_certificate_data: a PEM client certificate, instead of a file.
        client_key_data: its key.
        tls_server_name: name expected in the server's certificate, when it is not the URL's host.
        insecure_skip_tls_verify: trust any certificate; for experiments only.
        proxy_url: HTTP proxy.
        user_agent: sent with every request, visible in the server's audit log.
        request_timeout: seconds for one request, watches excepted; client-go has none, controller-runtime's calls are
            bounded by their context; 30 s is below the API server's own 60 s.
        answer_limit: bytes of one answer, watches excepted, for a server that is not trusted; sixteen times as many for a
            page of a list; None for any number.
    """

    server: str
    namespace: str = "default"
    ca_file: str = ""
    ca_data: bytes = field(default=b"", repr=False)
    token: str = field(default="", repr=False)
    token_file: str = ""
    credentials: Credentials | None = field(default=None, repr=False)
    client_certificate_file: str = ""
    client_key_file: str = ""
    client_certificate_data: bytes = field(default=b"", repr=False)
    client_key_data: bytes = field(default=b"", repr=False)
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    proxy_url: str = field(default="", repr=False)
    user_agent: str = "reconcile"
    request_timeout: float = 30.0
    answer_limit: int | None = None

    def make_credentials(self) -> Credentials:
        """The source of Authorization headers that these fields describe."""
        if self.credentials is not None:
            return self.credentials
        if self.token_file:
            return TokenFile(self.token_file)
        return StaticCredentials(f"Bearer {self.token}" if self.token else "")
