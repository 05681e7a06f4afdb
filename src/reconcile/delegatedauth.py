"""Who may read `/metrics` and `/debug/reconcile`: asked of the API server, as every Kubernetes component does.

The caller's bearer token is reviewed (TokenReview), then whether that user may `get` the path (SubjectAccessReview).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from hashlib import sha256
from typing import Any

from aiohttp import web

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
        authentication = {"spec": {"token": token}}
        answer = await self._review("authentication.k8s.io/v1", "TokenReview", authentication)
        if not answer.get("authenticated"):
            return 401
        user = answer.get("user") or {}
        spec = {
            "user": user.get("username", ""),
            "groups": user.get("groups") or [],
            "uid": user.get("uid", ""),
            "extra": user.get("extra") or {},
            "nonResourceAttributes": {"path": path, "verb": "get"},
        }
        access = await self._review("authorization.k8s.io/v1", "SubjectAccessReview", {"spec": spec})
        return 200 if access.get("allowed") and not access.get("denied") else 403

    async def _review(self, api_version: str, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        # In JSON: these kinds are needed nowhere else, and their models would be built at every start.
        review = {"apiVersion": api_version, "kind": kind, **body}
        answer = await self._client.raw("POST", f"/apis/{api_version}/{kind.lower()}s", body=review)
        status: dict[str, Any] = answer.get("status") or {}
        return status
