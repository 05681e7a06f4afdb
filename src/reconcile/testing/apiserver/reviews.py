"""Reviews: questions about tokens and permissions, answered and never stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconcile.testing.apiserver.authentication import Authenticator
from reconcile.testing.apiserver.authorization import Authorization
from reconcile.testing.apiserver.bodies import decode_object
from reconcile.testing.apiserver.cluster import Cluster
from reconcile.testing.apiserver.metadata import timestamp
from reconcile.testing.apiserver.requests import ApiRequest, ApiResponse, Target, User, json_response
from reconcile.testing.apiserver.status import StatusError, bad_request, invalid

__all__ = ["Reviews"]

Object = dict[str, Any]


class Reviews:
    """Answers `authentication.k8s.io` and `authorization.k8s.io`."""

    def __init__(self, cluster: Cluster, authenticator: Authenticator, authorization: Authorization) -> None:
        self._cluster = cluster
        self._authenticator = authenticator
        self._authorization = authorization
        self._answers: Mapping[str, tuple[str, Callable[[Object, Target, User], Object]]] = {
            "tokenreviews": ("TokenReview", self._token),
            "selfsubjectreviews": ("SelfSubjectReview", self._self),
            "selfsubjectaccessreviews": ("SelfSubjectAccessReview", self._self_access),
            "selfsubjectrulesreviews": ("SelfSubjectRulesReview", self._rules),
            "subjectaccessreviews": ("SubjectAccessReview", self._access),
            "localsubjectaccessreviews": ("LocalSubjectAccessReview", self._access),
        }

    def answer(self, request: ApiRequest, target: Target, user: User) -> ApiResponse:
        """The review with its status filled in."""
        kind, decide = self._answers[target.plural]
        review = decode_object(request, kind)
        spec = review.get("spec") or {}
        status = decide(spec, target, user)
        metadata: Object = {"creationTimestamp": timestamp(self._cluster.now())}
        head = {"kind": kind, "apiVersion": f"{target.group}/{target.version}", "metadata": metadata}
        return json_response({**head, "spec": spec, "status": status}, 201)

    def _token(self, spec: Object, target: Target, user: User) -> Object:
        token = spec.get("token") or ""
        if not token:
            raise bad_request("token is required for TokenReview in authentication")
        audiences = spec.get("audiences") or []
        static = self._authenticator.static_user(token)
        if static is not None:
            status: Object = {"authenticated": True, "user": static.to_wire()}
            return {**status, "audiences": audiences} if audiences else status
        verified = self._authenticator.verify(token, audiences)
        if verified is None:
            return {"authenticated": False, "error": "invalid bearer token"}
        return {"authenticated": True, "user": verified.user.to_wire(), "audiences": list(verified.audiences)}

    def _self(self, spec: Object, target: Target, user: User) -> Object:
        return {"userInfo": user.to_wire()}

    def _self_access(self, spec: Object, target: Target, user: User) -> Object:
        return self._decide(spec, target, user, "SelfSubjectAccessReview")

    def _access(self, spec: Object, target: Target, user: User) -> Object:
        subject = User(spec.get("user", ""), spec.get("uid", ""), tuple(spec.get("groups") or ()))
        if not subject.name and not subject.groups:
            message = "Invalid value: at least one of user or group must be specified"
            cause = {"reason": "FieldValueInvalid", "message": message, "field": "spec.user"}
            raise invalid("SubjectAccessReview", target.group, "", [cause])
        return self._decide(spec, target, subject, "SubjectAccessReview")

    def _decide(self, spec: Object, target: Target, user: User, kind: str) -> Object:
        asked = spec.get("resourceAttributes")
        if asked is None:
            path = (spec.get("nonResourceAttributes") or {}).get("path")
            if path is None:
                message = "Invalid value: exactly one of nonResourceAttributes or resourceAttributes must be specified"
                cause = {"reason": "FieldValueInvalid", "message": message, "field": "spec.resourceAttributes"}
                raise invalid(kind, target.group, "", [cause])
            return self._decide_path(path, user)
        wanted = Target(
            asked.get("verb", ""),
            asked.get("group", ""),
            asked.get("version", ""),
            asked.get("resource", ""),
            asked.get("namespace", "") or target.namespace,
            asked.get("name", ""),
            asked.get("subresource", ""),
        )
        return {"allowed": self._authorization.allowed(user, wanted)}

    def _decide_path(self, path: str, user: User) -> Object:
        try:
            self._authorization.check_path(user, path)
        except StatusError:
            return {"allowed": False}
        return {"allowed": True}

    def _rules(self, spec: Object, target: Target, user: User) -> Object:
        namespace = spec.get("namespace", "")
        if not namespace:
            raise bad_request("no namespace on request")
        rules = self._authorization.resource_rules(user, namespace)
        return {"resourceRules": rules, "nonResourceRules": self._authorization.path_rules(user), "incomplete": False}
