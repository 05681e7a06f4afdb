"""Grafana: tokens of a Grafana service account, deleted when they are superseded."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from typing import Any, Final

from eso.api.generators_v1alpha1.grafana import GrafanaSpec
from eso.errors import InvalidSpecError, ProviderError
from eso.generators.base import Generated, Generator, GeneratorContext
from eso.generators.http import Answer, answer_to, checked_url, text_of
from eso.values import wrap_all

__all__ = ["GrafanaGenerator"]

_FINDING: Final = "looking for the Grafana service account"
_CREATING: Final = "creating the Grafana service account"
_ISSUING: Final = "creating a Grafana service account token"
_SEEKING: Final = "looking for a Grafana service account token"
_DELETING: Final = "deleting a Grafana service account token"
_GONE: Final = "serviceaccounts.ErrTokenNotFound"
"""What Grafana answers for a token that does not exist. Source: its error catalogue."""


class GrafanaGenerator(Generator[GrafanaSpec]):
    """Creates a token for a service account, which is made when it is missing and stays."""

    kind = "Grafana"
    spec_type = GrafanaSpec
    leaves_state = True

    async def generate(self, spec: GrafanaSpec, context: GeneratorContext) -> Generated:
        """`login` of the service account, and `token`.

        Raises:
            InvalidSpecError: no way to sign in is given.
            ProviderError: Grafana refused.
        """
        return await self.generate_intended(spec, self.intent(spec), context)

    def intent(self, spec: GrafanaSpec) -> Any:
        """The name of the token: it is new for every token, and `cleanup` finds the token by it."""
        return {"serviceAccount": {"tokenName": str(uuid.uuid4())}}

    async def generate_intended(self, spec: GrafanaSpec, intent: Any, context: GeneratorContext) -> Generated:
        """See `generate`."""
        name = intent["serviceAccount"]["tokenName"]
        api = await _Api.of(spec, context)
        account = await api.account(spec) or await api.create_account(spec)
        account_id, login = account.get("id"), account.get("login")
        if not isinstance(account_id, int) or not isinstance(login, str):
            raise ProviderError(f"{_FINDING}: the answer names no id and login")
        wanted: dict[str, Any] = {"name": name}
        if spec.service_account.seconds_to_live is not None:
            wanted["secondsToLive"] = spec.service_account.seconds_to_live
        answer = await api.send("POST", f"serviceaccounts/{account_id}/tokens", _ISSUING, document=wanted)
        token, token_id = text_of(answer, "key", _ISSUING), answer.content.get("id")
        if not isinstance(token_id, int):
            raise ProviderError(f"{_ISSUING}: the answer names no id, so that the token could not be deleted later")
        state = {"serviceAccount": {"id": account_id, "login": login, "tokenID": token_id}}
        return Generated(wrap_all({"login": login, "token": token}), state)

    async def cleanup(self, spec: GrafanaSpec, state: Any, context: GeneratorContext) -> None:
        """Delete the token; one that is gone is success. The service account stays.

        Raises:
            InvalidSpecError: the state does not name a token.
            ReferenceNotFoundError: the credential is gone.
            ProviderError: Grafana refused.
        """
        account = state.get("serviceAccount") if isinstance(state, Mapping) else None
        account = account if isinstance(account, Mapping) else {}
        account_id, token_id, name = account.get("id"), account.get("tokenID"), account.get("tokenName")
        known = isinstance(account_id, int) and isinstance(token_id, int)
        if not known and not isinstance(name, str):
            raise InvalidSpecError("the state names no service account and token")
        api = await _Api.of(spec, context)
        if not known:
            found = await api.token(spec, str(name))
            if found is None:
                return
            account_id, token_id = found
        await api.send("DELETE", f"serviceaccounts/{account_id}/tokens/{token_id}", _DELETING, gone_is_fine=True)


class _Api:
    """The HTTP API of one Grafana, signed in."""

    def __init__(self, context: GeneratorContext, url: str, authorization: str) -> None:
        self._http = context.http()
        self._url = f"{url}/api"
        self._headers = {"Authorization": authorization}

    @classmethod
    async def of(cls, spec: GrafanaSpec, context: GeneratorContext) -> _Api:
        """Signed in as the spec says; a token comes before user name and password."""
        url = checked_url(spec.url, "spec.url")
        if spec.auth.token is not None:
            return cls(context, url, f"Bearer {(await context.resolve(spec.auth.token)).reveal_text()}")
        if spec.auth.basic is None:
            raise InvalidSpecError("spec.auth must have token or basic")
        password = await context.resolve(spec.auth.basic.password)
        pair = f"{spec.auth.basic.username}:{password.reveal_text()}".encode("utf-8", "surrogateescape")
        return cls(context, url, f"Basic {base64.b64encode(pair).decode()}")

    async def account(self, spec: GrafanaSpec) -> Mapping[str, Any] | None:
        """The service account of that name."""
        name = spec.service_account.name
        answer = await self.send("GET", "serviceaccounts/search", _FINDING, params={"query": name})
        found = answer.content.get("serviceAccounts") if isinstance(answer.content, Mapping) else None
        if not isinstance(found, list):
            # Not Grafana: creating an account now would create one at every refresh.
            raise ProviderError(f"{_FINDING}: the answer is no list of service accounts")
        return next((one for one in found if isinstance(one, Mapping) and one.get("name") == name), None)

    async def token(self, spec: GrafanaSpec, name: str) -> tuple[int, int] | None:
        """Ids of the service account and of its token of that name."""
        account = await self.account(spec)
        account_id = None if account is None else account.get("id")
        if not isinstance(account_id, int):
            return None
        answer = await self.send("GET", f"serviceaccounts/{account_id}/tokens", _SEEKING)
        if not isinstance(answer.content, list):
            raise ProviderError(f"{_SEEKING}: the answer is no list")
        ids = [one.get("id") for one in answer.content if isinstance(one, Mapping) and one.get("name") == name]
        return (account_id, ids[0]) if ids and isinstance(ids[0], int) else None

    async def create_account(self, spec: GrafanaSpec) -> Mapping[str, Any]:
        """A new service account."""
        wanted = {"name": spec.service_account.name, "role": spec.service_account.role}
        answer = await self.send("POST", "serviceaccounts", _CREATING, document=wanted)
        return answer.content if isinstance(answer.content, Mapping) else {}

    async def send(
        self,
        method: str,
        path: str,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        document: Any = None,
        gone_is_fine: bool = False,
    ) -> Answer:
        """A request that must succeed."""
        answer = await answer_to(
            self._http, method, f"{self._url}/{path}", what, headers=self._headers, params=params, document=document
        )
        if 200 <= answer.status < 300 or (gone_is_fine and _is_gone(answer)):
            return answer
        raise answer.error(what)


def _is_gone(answer: Answer) -> bool:
    """Whether Grafana says that the token does not exist. The status tells nothing: a wrong URL is a 404 too."""
    if not isinstance(answer.content, Mapping):
        return False
    message = answer.content.get("message")
    return answer.content.get("messageId") == _GONE or (
        isinstance(message, str) and "service account token not found" in message.lower()
    )
