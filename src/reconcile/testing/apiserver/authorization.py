"""Whether a user may do what a request asks; everything is allowed unless RBAC is on."""

from __future__ import annotations

from typing import Any

from reconcile.testing.apiserver.rbac import Authorizer
from reconcile.testing.apiserver.requests import Target, User
from reconcile.testing.apiserver.status import StatusError

__all__ = ["Authorization"]

MASTERS = "system:masters"
_PUBLIC_PATHS = ("/healthz", "/readyz", "/livez", "/version", "/api", "/apis", "/openapi", "/.well-known", "/openid")


class Authorization:
    """Decides by RBAC objects, or allows everything.

    Args:
        rules: None when authorization is off.
    """

    def __init__(self, rules: Authorizer | None) -> None:
        self._rules = rules

    def allowed(self, user: User, target: Target) -> bool:
        """Whether the user may do it."""
        if self._rules is None or MASTERS in user.groups:
            return True
        namespace = target.namespace
        return self._rules.allowed(
            user, target.verb, target.group, target.plural, target.subresource, namespace, target.name
        )

    def resource_rules(self, user: User, namespace: str) -> list[dict[str, Any]]:
        """The rules that hold for a user in a namespace, as SelfSubjectRulesReview lists them."""
        if self._rules is None or MASTERS in user.groups:
            return [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
        found = [dict(rule) for rule in self._rules.rules(user, namespace)]
        return [rule for rule in found if "nonResourceURLs" not in rule]

    def path_rules(self, user: User) -> list[dict[str, Any]]:
        """The paths beside resources that are open to a user."""
        if self._rules is None or MASTERS in user.groups:
            return [{"verbs": ["*"], "nonResourceURLs": ["*"]}]
        return [{"verbs": ["get"], "nonResourceURLs": [f"{path}*" for path in _PUBLIC_PATHS]}]

    def check(self, user: User, target: Target) -> None:
        """Raise the 403 the API server would send.

        Raises:
            StatusError: 403.
        """
        if not self.allowed(user, target):
            raise _forbidden(user, target)

    def check_path(self, user: User, path: str) -> None:
        """The same for paths that are no resource: discovery is open to all who are authenticated, as by default.

        Raises:
            StatusError: 403.
        """
        if self._rules is None or MASTERS in user.groups or path.startswith(_PUBLIC_PATHS):
            return
        if self._rules.allowed_path(user, "get", path):
            return
        message = f'forbidden: User "{user.name}" cannot get path "{path}"'
        raise StatusError(403, "Forbidden", message, {})


def _forbidden(user: User, target: Target) -> StatusError:
    resource = f"{target.plural}/{target.subresource}" if target.subresource else target.plural
    qualified = f"{target.plural}.{target.group}" if target.group else target.plural
    subject = f'{qualified} "{target.name}"' if target.name else qualified
    scope = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
    why = f'User "{user.name}" cannot {target.verb} resource "{resource}" in API group "{target.group}" {scope}'
    details = {"kind": target.plural}
    if target.group:
        details["group"] = target.group
    if target.name:
        details["name"] = target.name
    return StatusError(403, "Forbidden", f"{subject} is forbidden: {why}", details)
