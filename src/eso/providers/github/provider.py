"""The provider `github`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import BaseModel

from eso.errors import InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import is_url
from eso.providers.github.api import GithubAPI, segment
from eso.providers.github.client import GithubClient
from eso.providers.github.spec import GithubSpec
from eso.values import SecretValue

__all__ = ["GithubProvider"]

_SITE: Final = "https://github.com/"
_URL: Final = "https://api.github.com/"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class GithubProvider(Provider[GithubSpec]):
    """Secrets of GitHub Actions; write-only.

    Args:
        url: of the API of github.com, with a slash at its end.
        clock: the wall clock.
    """

    name: ClassVar[str] = "github"
    spec_type: ClassVar[type[BaseModel]] = GithubSpec
    capabilities: ClassVar[Capabilities] = Capabilities.WRITE_ONLY

    def __init__(self, url: str = _URL, clock: Callable[[], datetime] = _utc_now) -> None:
        self._url = url
        self._clock = clock

    async def new_client(self, spec: GithubSpec, context: StoreContext) -> SecretsClient:
        """A client; for an environment the repository is looked up now."""
        if spec.environment and not spec.repository:
            raise InvalidSpecError("environment needs repository")
        api = GithubAPI(
            context.http(),
            self._base(spec.url),
            context.calls("GitHub/Actions"),
            app=spec.app_id,
            installation=spec.installation_id,
            key=_rsa(await context.resolve(spec.auth.private_key)),
            clock=self._clock,
        )
        return GithubClient(
            api,
            await _scope(spec, api),
            organization=not spec.repository,
            visibility=spec.org_secret_visibility or "",
            cluster_store=context.store_kind == "ClusterSecretStore",
        )

    def _base(self, url: str) -> str:
        if url in ("", _SITE):
            return self._url
        if not is_url(url):
            raise InvalidSpecError("url must be a URL with http or https and a host")
        base = url if url.endswith("/") else f"{url}/"
        host = urlsplit(base).hostname or ""
        if base.endswith("/api/v3/") or host.startswith("api.") or ".api." in host:
            return base
        return f"{base}api/v3/"

    def is_referent(self, spec: GithubSpec) -> bool:
        """Whether the private key comes from the consumer's namespace."""
        return spec.auth.private_key.namespace is None


async def _scope(spec: GithubSpec, api: GithubAPI) -> str:
    organization = segment(spec.organization)
    if not spec.repository:
        return f"orgs/{organization}/actions/secrets"
    place = f"repos/{organization}/{segment(spec.repository)}"
    if not spec.environment:
        return f"{place}/actions/secrets"
    what = f"looking for repository {spec.organization}/{spec.repository}"
    try:
        found = await api.get("GetRepository", place, what)
    except NoSecretError as err:
        raise InvalidSpecError(f"{what}: GitHub knows none, or the App may not see it") from err
    if not isinstance(found, dict) or "id" not in found:
        raise ProviderError(f"{what}: the answer has no id")
    return f"repositories/{found['id']}/environments/{segment(spec.environment)}/secrets"


def _rsa(pem: SecretValue) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem.reveal(), password=None)
    except (ValueError, TypeError):
        raise InvalidSpecError("auth.privateKey: the Secret holds no private key in PEM") from None
    if not isinstance(key, RSAPrivateKey):
        raise InvalidSpecError("auth.privateKey: the key must be an RSA key")
    return key
