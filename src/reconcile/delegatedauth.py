"""Who may read `/metrics`: asked of the API server, as every Kubernetes component does.

The caller's bearer token is reviewed (TokenReview), then whether that user may `get` the path (SubjectAccessReview).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from hashlib import sha256

from aiohttp import web

from reconcile.api.authentication_v1 import TokenReview, TokenReviewSpec
from reconcile.api.authorization_v1 import NonResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec
from reconcile.client.client import Client
from reconcile.errors import APIError, TransportError

__all__ = ["DelegatedAuth"]

_KEPT_SECONDS = 60.0
"""How long an answer counts. Source: the token cache of controller-runtime's metrics filter, one minute."""

_KEPT = 1024


class DelegatedAuth:
    """Lets a request through when the API server knows its token and allows its user the path.

    Args:
        client: one that may create TokenReviews and SubjectAccessReviews.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        # By a digest of token and path: the tokens themselves are not kept.
        self._answers: OrderedDict[bytes, tuple[float, int]] = OrderedDict()

    async def __call__(self, request: web.Request) -> None:
        """Check one request.

        Raises:
            HTTPUnauthorized: there is no token, or nobody has it.
            HTTPForbidden: its user may not read the path.
            HTTPInternalServerError: the API server cannot be asked.
        """
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise web.HTTPUnauthorized(text="Unauthorized\n")
        try:
            status = await self._status(token, request.path)
        except (APIError, TransportError) as err:
            raise web.HTTPInternalServerError(text="Authentication failed\n") from err
        if status == 401:
            raise web.HTTPUnauthorized(text="Unauthorized\n")
        if status == 403:
            raise web.HTTPForbidden(text="Forbidden\n")

    async def _status(self, token: str, path: str) -> int:
        now = asyncio.get_running_loop().time()
        key = sha256(f"{path}\0{token}".encode()).digest()
        known = self._answers.get(key)
        if known is not None and now - known[0] < _KEPT_SECONDS:
            return known[1]
        status = await self._ask(token, path)
        self._answers[key] = (now, status)
        self._answers.move_to_end(key)
        if len(self._answers) > _KEPT:
            self._answers.popitem(last=False)
        return status

    async def _ask(self, token: str, path: str) -> int:
        review = await self._client.create(TokenReview(spec=TokenReviewSpec(token=token)))
        if review.status is None or not review.status.authenticated:
            return 401
        user = review.status.user
        spec = SubjectAccessReviewSpec(
            user=user.username,
            groups=user.groups,
            uid=user.uid,
            extra=user.extra or None,
            non_resource_attributes=NonResourceAttributes(path=path, verb="get"),
        )
        access = await self._client.create(SubjectAccessReview(spec=spec))
        return 200 if access.status is not None and access.status.allowed and not access.status.denied else 403
