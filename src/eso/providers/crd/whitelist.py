"""Which objects and properties a store may read."""

from __future__ import annotations

from collections.abc import Sequence

from eso.errors import InvalidSpecError
from eso.providers.crd.spec import CRDProviderWhitelist, CRDProviderWhitelistRule
from eso.transform.regexp import RegexpError, UserRegexp

__all__ = ["Whitelist"]


class _Rule:
    def __init__(self, rule: CRDProviderWhitelistRule, where: str) -> None:
        self._name = _compiled(rule.name, f"{where}.name")
        self._namespace = _compiled(rule.namespace, f"{where}.namespace")
        self._properties = [_compiled(text, f"{where}.properties") for text in rule.properties or ()]

    def allows(self, namespace: str, name: str, wanted: str, *, cluster_store: bool) -> bool:
        """Whether every part of the rule matches."""
        if self._name is not None and not self._name.search(name):
            return False
        # A namespaced store has one namespace only; its rules do not speak of it.
        if cluster_store and self._namespace is not None and not (namespace and self._namespace.search(namespace)):
            return False
        if not self._properties:
            return True
        return bool(wanted) and any(one is None or one.search(wanted) for one in self._properties)


class Whitelist:
    """Compiled rules; patterns are not anchored.

    Args:
        spec: of the store; None or without rules allows everything.
        cluster_store: whether the store is a ClusterSecretStore, whose rules may limit namespaces.

    Raises:
        InvalidSpecError: a pattern does not compile, or a rule is empty; the message names it.
    """

    def __init__(self, spec: CRDProviderWhitelist | None, *, cluster_store: bool) -> None:
        rules: Sequence[CRDProviderWhitelistRule] = (spec.rules or ()) if spec is not None else ()
        self._cluster_store = cluster_store
        self._rules = []
        for number, rule in enumerate(rules):
            where = f"whitelist.rules[{number}]"
            if not (rule.name or rule.namespace or rule.properties):
                raise InvalidSpecError(f"{where} is empty: set name, namespace or properties")
            if rule.namespace and not cluster_store:
                raise InvalidSpecError(f"{where}.namespace is only allowed in a ClusterSecretStore")
            self._rules.append(_Rule(rule, where))

    def allows(self, namespace: str, name: str, wanted: str) -> bool:
        """Whether an object may be read.

        Args:
            namespace: of the object; empty for a cluster-scoped one.
            name: of the object.
            wanted: the property that is asked for; empty for the whole object.
        """
        if not self._rules:
            return True
        return any(rule.allows(namespace, name, wanted, cluster_store=self._cluster_store) for rule in self._rules)


def _compiled(pattern: str | None, where: str) -> UserRegexp | None:
    if not pattern:
        return None
    try:
        return UserRegexp(pattern)
    except RegexpError as err:
        raise InvalidSpecError(f"{where}: {err}") from err
