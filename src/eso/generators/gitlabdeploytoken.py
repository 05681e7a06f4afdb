"""GitlabDeployToken: deploy tokens of a GitLab project or group, revoked when they are superseded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final
from urllib.parse import quote

from eso.api.generators_v1alpha1.gitlabdeploytoken import GitlabDeployTokenSpec
from eso.errors import InvalidSpecError, ProviderError
from eso.generators.base import Generated, Generator, GeneratorContext
from eso.generators.http import answer_to, checked_url, text_of
from eso.values import SecretValue, wrap_all

__all__ = ["GitlabDeployTokenGenerator"]

_URL: Final = "https://gitlab.com"
_CREATING: Final = "creating a GitLab deploy token"
_REVOKING: Final = "revoking a GitLab deploy token"
_SAID: Final = ("message", "error")


class GitlabDeployTokenGenerator(Generator[GitlabDeployTokenSpec]):
    """Creates a deploy token; its state names it, and `cleanup` revokes it."""

    kind = "GitlabDeployToken"
    spec_type = GitlabDeployTokenSpec
    leaves_state = True

    async def generate(self, spec: GitlabDeployTokenSpec, context: GeneratorContext) -> Generated:
        """`username` and `token`.

        Raises:
            InvalidSpecError: both or neither of projectID and groupID are set.
            ProviderError: GitLab refused.
        """
        url = checked_url(spec.url or _URL, "spec.url")
        if bool(spec.project_id) == bool(spec.group_id):
            raise InvalidSpecError("exactly one of spec.projectID and spec.groupID must be set")
        place = {"projectID": spec.project_id} if spec.project_id else {"groupID": spec.group_id}
        credential = await context.resolve(spec.auth.token.secret_ref)
        answer = await answer_to(
            context.http(),
            "POST",
            _endpoint({"url": url, **place}),
            _CREATING,
            headers=_headers(credential),
            document=_wanted(spec),
        )
        if not 200 <= answer.status < 300:
            raise answer.error(_CREATING, said=_SAID, secrets=[credential])
        token, username = text_of(answer, "token", _CREATING), answer.content.get("username")
        token_id = answer.content.get("id")
        if not isinstance(token_id, int) or not token_id:
            raise ProviderError(f'{_CREATING}: the answer has no "id", so that the token could not be revoked later')
        values = {"username": username if isinstance(username, str) else "", "token": token}
        return Generated(wrap_all(values), {"url": url, **place, "tokenID": token_id})

    def left_behind(self, state: Any) -> bool:
        """Whether the state names a token."""
        return isinstance(state, Mapping) and bool(state.get("tokenID"))

    async def cleanup(self, spec: GitlabDeployTokenSpec, state: Any, context: GeneratorContext) -> None:
        """Revoke the token where it was created, with the credential of the spec; a token that is gone is success.

        Raises:
            InvalidSpecError: the state is not one of this generator.
            ReferenceNotFoundError: the credential is gone.
            ProviderError: GitLab refused.
        """
        credential = await context.resolve(spec.auth.token.secret_ref)
        token_id = state["tokenID"]
        if not isinstance(token_id, int):
            raise InvalidSpecError("the tokenID of the state is no number")
        url = f"{_endpoint(state)}/{token_id}"
        answer = await answer_to(context.http(), "DELETE", url, _REVOKING, headers=_headers(credential))
        if not 200 <= answer.status < 300 and answer.status != 404:
            raise answer.error(_REVOKING, said=_SAID, secrets=[credential])


def _endpoint(state: Mapping[str, Any]) -> str:
    url = checked_url(str(state.get("url") or _URL), "state.url")
    project, group = state.get("projectID"), state.get("groupID")
    if bool(project) == bool(group):
        raise InvalidSpecError("the state names neither one project nor one group")
    kind, place = ("projects", project) if project else ("groups", group)
    return f"{url}/api/v4/{kind}/{quote(str(place), safe='')}/deploy_tokens"


def _headers(credential: SecretValue) -> dict[str, str]:
    return {"PRIVATE-TOKEN": credential.reveal_text()}


def _wanted(spec: GitlabDeployTokenSpec) -> dict[str, Any]:
    document: dict[str, Any] = {"name": spec.name, "scopes": list(spec.scopes)}
    if spec.username:
        document["username"] = spec.username
    if spec.expires_at is not None:
        document["expires_at"] = spec.expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return document
