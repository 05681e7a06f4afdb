"""The provider `gitlab`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from pydantic import BaseModel

from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_ca_provider, check_strict, is_url
from eso.providers.gitlab.api import GitlabAPI
from eso.providers.gitlab.client import GitlabClient
from eso.providers.gitlab.spec import GitlabSpec

__all__ = ["GitlabProvider"]

_URL: Final = "https://gitlab.com"
_API: Final = "/api/v4"


class GitlabProvider(Provider[GitlabSpec]):
    """CI/CD variables of a project and of groups."""

    name: ClassVar[str] = "gitlab"
    spec_type: ClassVar[type[BaseModel]] = GitlabSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    async def new_client(self, spec: GitlabSpec, context: StoreContext) -> SecretsClient:
        """A client with the access token."""
        ref = spec.auth.secret_ref.access_token
        if ref is None:
            raise InvalidSpecError("auth.SecretRef.accessToken is required")
        token = await context.resolve(ref)
        ca = await context.resolve_ca(spec.ca_bundle, spec.ca_provider)
        base = _checked_url(spec.url)
        http = context.http(headers={"PRIVATE-TOKEN": token.reveal_text()}, ca=ca)
        return GitlabClient(
            GitlabAPI(http, base, context.calls("GitLab")),
            spec.project_id or "",
            list(spec.group_ids or ()),
            inherit=bool(spec.inherit_from_groups),
            environment=spec.environment or "",
        )

    def validate_store(self, spec: GitlabSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """URL, token reference, project and groups."""
        _checked_url(spec.url)
        token = spec.auth.secret_ref.access_token
        check_strict(token, store_kind=store_kind, store_namespace=store_namespace)
        check_ca_provider(spec.ca_provider, store_kind=store_kind, store_namespace=store_namespace)
        if spec.group_ids and spec.inherit_from_groups:
            raise InvalidSpecError("defining groupIDs and inheritFromGroups = true is not allowed")
        if not spec.project_id and not spec.group_ids:
            raise InvalidSpecError("projectID and groupIDs must not both be empty")
        if token is None or not token.key:
            raise InvalidSpecError("accessToken.key cannot be empty")
        if not token.name:
            raise InvalidSpecError("accessToken.name cannot be empty")
        return ()


def _checked_url(url: str | None) -> str:
    """The URL of the API, without slash at its end."""
    if url and not is_url(url):
        raise InvalidSpecError("url must be a URL with http or https and a host")
    base = (url or _URL).rstrip("/")
    return base if base.endswith(_API) else base + _API
