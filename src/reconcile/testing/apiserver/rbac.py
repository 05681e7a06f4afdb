"""Authorisation by the Roles, ClusterRoles and bindings that are stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Authorizer", "Subject"]

Object = Mapping[str, Any]
ListFunction = Callable[[str, str | None], Iterable[Object]]
"""Called with a plural of rbac.authorization.k8s.io and a namespace (None: all, or cluster-scoped)."""

SUPERUSERS = "system:masters"


@dataclass(frozen=True)
class Subject:
    """Who asks: a user name with its groups."""

    name: str
    groups: tuple[str, ...] = ()

    @property
    def all_groups(self) -> frozenset[str]:
        """Groups, with those that follow from the name of a service account."""
        found = set(self.groups)
        if self.name.startswith("system:serviceaccount:"):
            namespace = self.name.split(":")[2]
            found |= {"system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"}
        return frozenset(found)


def _as_subject(user: Any) -> Subject:
    if isinstance(user, str):
        return Subject(user)
    if isinstance(user, Mapping):
        return Subject(str(user.get("username", "")), tuple(user.get("groups") or ()))
    groups = getattr(user, "groups", ())
    return Subject(str(getattr(user, "name", "")), tuple(groups))


def _matches(allowed: Sequence[str] | None, wanted: str) -> bool:
    return bool(allowed) and ("*" in (allowed or ()) or wanted in (allowed or ()))


def _allows(rule: Mapping[str, Any], verb: str, group: str, resource: str, name: str) -> bool:
    names = rule.get("resourceNames")
    plain, _, subresource = resource.partition("/")
    resources = rule.get("resources") or ()
    fits = _matches(resources, resource) or (subresource != "" and f"*/{subresource}" in resources)
    return (
        _matches(rule.get("verbs"), verb)
        and _matches(rule.get("apiGroups"), group)
        and (fits and plain != "")
        and (not names or name in names)
    )


def _allows_path(rule: Mapping[str, Any], verb: str, path: str) -> bool:
    urls = rule.get("nonResourceURLs") or ()
    fits = any(url in ("*", path) or (url.endswith("*") and path.startswith(url[:-1])) for url in urls)
    return fits and _matches(rule.get("verbs"), verb)


class Authorizer:
    """Answers whether a user may do something, from the RBAC objects that `list_function` yields at that moment.

    Args:
        list_function: yields the stored `clusterroles`, `roles`, `clusterrolebindings` or `rolebindings`.
    """

    def __init__(self, list_function: ListFunction) -> None:
        self._list = list_function

    def allowed(
        self,
        user: Any,
        verb: str,
        group: str,
        resource: str,
        subresource: str = "",
        namespace: str = "",
        name: str = "",
    ) -> bool:
        """Whether `user` (a name, a UserInfo mapping, or an object with `name` and `groups`) may do it."""
        subject = _as_subject(user)
        if SUPERUSERS in subject.groups:
            return True
        full = f"{resource}/{subresource}" if subresource else resource
        return any(_allows(rule, verb, group, full, name) for rule in self.rules(subject, namespace))

    def allowed_path(self, user: Any, verb: str, path: str) -> bool:
        """Whether `user` may read a path that is no resource, for example `/metrics`."""
        subject = _as_subject(user)
        if SUPERUSERS in subject.groups:
            return True
        return any(_allows_path(rule, verb, path) for rule in self.rules(subject, ""))

    def rules(self, user: Any, namespace: str) -> Iterator[Mapping[str, Any]]:
        """Every rule that is bound to `user` in the cluster and, unless it is empty, in `namespace`."""
        subject = _as_subject(user)
        for binding in self._list("clusterrolebindings", None):
            if self._binds(binding, subject, ""):
                yield from self._rules_of(binding, "")
        if namespace:
            for binding in self._list("rolebindings", namespace):
                if self._binds(binding, subject, namespace):
                    yield from self._rules_of(binding, namespace)

    def _binds(self, binding: Object, subject: Subject, namespace: str) -> bool:
        return any(_is_subject(entry, subject, namespace) for entry in binding.get("subjects") or ())

    def _rules_of(self, binding: Object, namespace: str) -> Iterator[Mapping[str, Any]]:
        reference = binding.get("roleRef") or {}
        is_cluster = reference.get("kind") == "ClusterRole"
        roles = self._list("clusterroles", None) if is_cluster else self._list("roles", namespace)
        for role in roles:
            if role["metadata"]["name"] == reference.get("name"):
                yield from role.get("rules") or ()
                yield from self._aggregated(role)

    def _aggregated(self, role: Object) -> Iterator[Mapping[str, Any]]:
        for selector in (role.get("aggregationRule") or {}).get("clusterRoleSelectors") or ():
            wanted = selector.get("matchLabels") or {}
            for other in self._list("clusterroles", None):
                labels = other["metadata"].get("labels") or {}
                if wanted and all(labels.get(key) == value for key, value in wanted.items()):
                    yield from other.get("rules") or ()


def _is_subject(entry: Mapping[str, Any], subject: Subject, namespace: str) -> bool:
    kind, name = entry.get("kind"), entry.get("name")
    if kind == "User":
        return subject.name == name
    if kind == "Group":
        return name in subject.all_groups
    if kind == "ServiceAccount":
        return subject.name == f"system:serviceaccount:{entry.get('namespace') or namespace}:{name}"
    return False
