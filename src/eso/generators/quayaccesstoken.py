"""QuayAccessToken: a short-lived token of a Quay robot account, for a ServiceAccount token."""

from __future__ import annotations

import base64
from typing import Final

from eso.api.generators_v1alpha1.quayaccesstoken import QuayAccessTokenSpec
from eso.generators.base import Generated, Generator, GeneratorContext
from eso.generators.http import answer_to, checked_url, expiry_of, text_of
from eso.values import wrap_all

__all__ = ["QuayAccessTokenGenerator"]

_HOST: Final = "quay.io"
_TIMEOUT: Final = 5.0
_WHAT: Final = "exchanging a token at Quay"


class QuayAccessTokenGenerator(Generator[QuayAccessTokenSpec]):
    """Exchanges a ServiceAccount token by robot account federation.

    Args:
        scheme: of the registry's URL.
    """

    kind = "QuayAccessToken"
    spec_type = QuayAccessTokenSpec

    def __init__(self, scheme: str = "https") -> None:
        self._scheme = scheme

    async def generate(self, spec: QuayAccessTokenSpec, context: GeneratorContext) -> Generated:
        """`registry`, `auth` (base64 of `robot:token`) and `expiry` (Unix seconds).

        Raises:
            ProviderError: Quay refused, or answered without a JWT.
        """
        host = (spec.url or _HOST).removeprefix("https://")
        url = checked_url(f"{self._scheme}://{host}", "spec.url")
        account = await context.service_account_token(spec.service_account_ref)
        answer = await answer_to(
            context.http(timeout=_TIMEOUT),
            "GET",
            f"{url}/oauth2/federation/robot/token",
            _WHAT,
            headers={"Authorization": f"Basic {_base64(spec.robot_account, account.reveal_text())}"},
        )
        if answer.status != 200:
            raise answer.error(_WHAT)
        token = text_of(answer, "token", _WHAT)
        auth = _base64(spec.robot_account, token)
        return Generated(wrap_all({"registry": host, "auth": auth, "expiry": expiry_of(token, _WHAT)}))


def _base64(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()
