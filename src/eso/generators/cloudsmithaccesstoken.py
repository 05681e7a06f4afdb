"""CloudsmithAccessToken: a token for a Cloudsmith registry, for a ServiceAccount token."""

from __future__ import annotations

import base64
from typing import Final
from urllib.parse import quote

from eso.api.generators_v1alpha1.cloudsmithaccesstoken import CloudsmithAccessTokenSpec
from eso.generators.base import Generated, Generator, GeneratorContext
from eso.generators.http import answer_to, checked_url, expiry_of, text_of
from eso.values import wrap_all

__all__ = ["CloudsmithAccessTokenGenerator"]

_URL: Final = "https://api.cloudsmith.io"
_WHAT: Final = "exchanging a token at Cloudsmith"


class CloudsmithAccessTokenGenerator(Generator[CloudsmithAccessTokenSpec]):
    """Exchanges a ServiceAccount token by OIDC."""

    kind = "CloudsmithAccessToken"
    spec_type = CloudsmithAccessTokenSpec

    async def generate(self, spec: CloudsmithAccessTokenSpec, context: GeneratorContext) -> Generated:
        """`auth` (base64 of `token:` and the token) and `expiry` (Unix seconds).

        Raises:
            ProviderError: Cloudsmith refused, or answered without a JWT.
        """
        url = checked_url(spec.api_url or _URL, "spec.apiUrl")
        account = await context.service_account_token(spec.service_account_ref)
        answer = await answer_to(
            context.http(),
            "POST",
            f"{url}/openid/{quote(spec.org_slug, safe='')}/",
            _WHAT,
            document={"oidc_token": account.reveal_text(), "service_slug": spec.service_slug},
        )
        # Cloudsmith says Created and nothing else when it has made a token.
        if answer.status != 201:
            raise answer.error(_WHAT)
        token = text_of(answer, "token", _WHAT)
        auth = base64.b64encode(f"token:{token}".encode()).decode()
        return Generated(wrap_all({"auth": auth, "expiry": expiry_of(token, _WHAT)}))
