"""The path of every request: faults, who is it, may they, what is asked, and the answer."""

from __future__ import annotations

import logging

from reconcile.testing.apiserver.authentication import Authenticator
from reconcile.testing.apiserver.authorization import Authorization
from reconcile.testing.apiserver.cluster import Cluster
from reconcile.testing.apiserver.deletes import Deleter
from reconcile.testing.apiserver.discovery import REVIEWS, discover, version_info
from reconcile.testing.apiserver.openapi import OpenApi
from reconcile.testing.apiserver.reads import Reader
from reconcile.testing.apiserver.requests import (
    ApiRequest,
    ApiResponse,
    Target,
    User,
    failure_response,
    json_response,
    parse_target,
)
from reconcile.testing.apiserver.resources import ResourceInfo
from reconcile.testing.apiserver.reviews import Reviews
from reconcile.testing.apiserver.status import StatusError, internal, method_not_allowed, resource_not_found
from reconcile.testing.apiserver.subresources import Subresources
from reconcile.testing.apiserver.tokens import TokenIssuer
from reconcile.testing.apiserver.watch import Watcher
from reconcile.testing.apiserver.writes import Writer

__all__ = ["Handler"]

_LOG = logging.getLogger(__name__)

_REVIEWS = {(group, version, plural) for group, version, plural, _, _ in REVIEWS}
_HEALTH = frozenset({"/healthz", "/readyz", "/livez"})


class Handler:
    """Answers requests, wherever they come from."""

    def __init__(
        self, cluster: Cluster, authenticator: Authenticator, authorization: Authorization, tokens: TokenIssuer
    ) -> None:
        self._cluster = cluster
        self._authenticator = authenticator
        self._authorization = authorization
        self._tokens = tokens
        self.reader = Reader(cluster)
        self.writer = Writer(cluster)
        self.deleter = Deleter(cluster)
        self.watcher = Watcher(cluster)
        self._subresources = Subresources(cluster, self.writer, tokens)
        self._reviews = Reviews(cluster, authenticator, authorization)
        self._openapi = OpenApi(cluster.registry)

    async def handle(self, request: ApiRequest) -> ApiResponse:
        """The answer to a request; failures are answers too."""
        try:
            response = await self._handle(request)
        except StatusError as err:
            return failure_response(err)
        except Exception as err:  # noqa: BLE001  the boundary of a request: the server goes on
            _LOG.exception("the embedded API server failed at %s %s", request.method, request.path)
            return failure_response(internal(type(err).__name__))
        if request.method not in ("GET", "HEAD"):
            await self._cluster.storage.flush()
        return response

    async def _handle(self, request: ApiRequest) -> ApiResponse:
        user = self._authenticator.identify(request)
        target = parse_target(request)
        if target is None:
            return self._other(request, user)
        self._authorization.check(user, target)
        if (target.group, target.version, target.plural) in _REVIEWS:
            if target.verb != "create":
                raise method_not_allowed()
            return self._reviews.answer(request, target, user)
        info = self._cluster.registry.find(target.group, target.version, target.plural)
        if info is None:
            if self._cluster.registry.has_group_version(target.group, target.version):
                raise resource_not_found()
            return _no_such_page()
        if info.namespaced and target.name and not target.namespace:
            raise resource_not_found()
        if target.subresource:
            return await self._subresources.answer(request, info, target, user)
        return await self._object(request, info, target, user)

    async def _object(self, request: ApiRequest, info: ResourceInfo, target: Target, user: User) -> ApiResponse:
        verb = target.verb
        if verb == "get":
            return await self.reader.get(request, info, target, self.writer.live(info, target))
        if verb == "list":
            return await self.reader.collection(request, info, target)
        if verb == "watch":
            return await self.watcher.watch(request, info, target)
        if verb == "create" and not target.name:
            return await self.writer.create(request, info, target, user)
        if verb == "update" and target.name:
            return await self.writer.update(request, info, target, user)
        if verb == "patch" and target.name:
            return await self.writer.patch(request, info, target, user)
        if verb == "delete":
            return await self.deleter.delete(request, info, target, user)
        if verb == "deletecollection":
            return await self.deleter.delete_collection(request, info, target, user)
        raise method_not_allowed()

    def _other(self, request: ApiRequest, user: User) -> ApiResponse:
        path = request.path.rstrip("/") or "/"
        self._authorization.check_path(user, path)
        if path in _HEALTH or path.startswith(("/livez/", "/readyz/")):
            return ApiResponse(200, b"ok", {"Content-Type": "text/plain; charset=utf-8"})
        if path == "/version":
            return json_response(version_info())
        if path == "/.well-known/openid-configuration":
            return json_response(self._tokens.discovery_document())
        if path == "/openid/v1/jwks":
            response = json_response(self._tokens.key_set())
            response.headers["Content-Type"] = "application/jwk-set+json"
            return response
        if path.startswith("/openapi/"):
            return self._openapi.answer(request) or _no_such_page()
        if path == "/":
            return json_response({"paths": ["/api", "/apis", "/healthz", "/openapi/v2", "/openapi/v3", "/version"]})
        return discover(request, self._cluster.registry) or _no_such_page()


def _no_such_page() -> ApiResponse:
    return ApiResponse(404, b"404 page not found\n", {"Content-Type": "text/plain; charset=utf-8"})
