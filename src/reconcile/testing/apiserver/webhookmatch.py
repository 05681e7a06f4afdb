"""Which admission webhooks a request goes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import celpy
from celpy.adapter import json_to_cel
from celpy.celparser import CELParseError
from celpy.evaluation import CELEvalError

from reconcile.testing.apiserver.celfunctions import FUNCTIONS
from reconcile.testing.apiserver.selectors import matches_label_selector

__all__ = ["ConditionError", "conditions_hold", "rules_match", "selectors_match"]

Object = Mapping[str, Any]


class ConditionError(Exception):
    """A matchCondition that cannot be evaluated."""


def _has(values: Sequence[str] | None, wanted: str) -> bool:
    return bool(values) and ("*" in (values or ()) or wanted in (values or ()))


def _resource_fits(patterns: Sequence[str], resource: str, subresource: str) -> bool:
    full = f"{resource}/{subresource}" if subresource else resource
    accepted = {full, "*/*"}
    accepted |= {f"*/{subresource}", f"{resource}/*"} if subresource else {"*", f"{resource}/*"}
    return any(pattern in accepted for pattern in patterns)


def rules_match(
    webhook: Object, operation: str, group: str, version: str, resource: str, subresource: str, namespaced: bool
) -> bool:
    """Whether a rule of the webhook names the operation and the resource."""
    exact = webhook.get("matchPolicy") == "Exact"
    for rule in webhook.get("rules") or ():
        scope = rule.get("scope") or "*"
        if (
            _has(rule.get("operations"), operation)
            and _has(rule.get("apiGroups"), group)
            and (not exact or _has(rule.get("apiVersions"), version))
            and _resource_fits(rule.get("resources") or (), resource, subresource)
            and scope in ("*", "Namespaced" if namespaced else "Cluster")
        ):
            return True
    return False


def selectors_match(webhook: Object, namespace_labels: Mapping[str, str] | None, objects: Sequence[Object]) -> bool:
    """Whether the namespaceSelector and the objectSelector fit.

    Args:
        webhook: one entry of `webhooks`.
        namespace_labels: labels of the object's namespace (its own for a Namespace), None outside of namespaces.
        objects: the new and the old object, those that exist.
    """
    if namespace_labels is not None and not matches_label_selector(
        webhook.get("namespaceSelector") or {}, namespace_labels
    ):
        return False
    selector = webhook.get("objectSelector") or {}
    if not selector:
        return True
    return any(matches_label_selector(selector, (obj.get("metadata") or {}).get("labels") or {}) for obj in objects)


def conditions_hold(webhook: Object, variables: Mapping[str, Any]) -> bool:
    """Whether every matchCondition is true for `object`, `oldObject` and `request`.

    Raises:
        ConditionError: a condition is no CEL expression or fails, and none is false.
    """
    conditions = webhook.get("matchConditions") or ()
    if not conditions:
        return True
    environment = celpy.Environment()
    bound = {key: json_to_cel(value) for key, value in variables.items()}
    problem: Exception | None = None
    for condition in conditions:
        try:
            program = environment.program(environment.compile(condition["expression"]), functions=dict(FUNCTIONS))
            if not program.evaluate(bound):
                return False
        except (CELParseError, CELEvalError, TypeError, ValueError, KeyError) as err:
            problem = err
    if problem is not None:
        raise ConditionError(f"matchConditions of {webhook.get('name')} cannot be evaluated") from problem
    return True
