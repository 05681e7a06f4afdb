"""Validation of the built-in kinds beyond the types of their fields."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from reconcile.testing.apiserver.causes import Cause, forbidden, invalid, required, too_long
from reconcile.testing.apiserver.names import config_key, dns_label, dns_label_1035, dns_subdomain, path_segment
from reconcile.testing.apiserver.objectmeta import immutable, validate_metadata, validate_metadata_update

__all__ = ["MAX_SECRET_BYTES", "builtin"]

MAX_SECRET_BYTES = 1024 * 1024
"""Most bytes of the values of a Secret or ConfigMap. Source: `MaxSecretSize` of k8s.io/kubernetes."""

Object = Mapping[str, Any]
Check = Callable[[Object, Object | None], list[Cause]]

_CLUSTER_SCOPED = frozenset(
    {
        "Namespace",
        "Node",
        "PersistentVolume",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
        "PriorityClass",
        "StorageClass",
        "IngressClass",
    }
)
_NAME_CHECKS: Mapping[str, Callable[[str], list[str]]] = MappingProxyType(
    {
        "Namespace": dns_label,
        "Service": dns_label_1035,
        "Role": path_segment,
        "ClusterRole": path_segment,
        "RoleBinding": path_segment,
        "ClusterRoleBinding": path_segment,
    }
)
_REDACTED = "<secret contents redacted>"


def builtin(kind: str) -> Check:
    """The validation of a built-in kind: called with the new object and the stored one (None for a create)."""
    name_check = _NAME_CHECKS.get(kind, dns_subdomain)
    extra = _EXTRA.get(kind)
    update = _UPDATES.get(kind)

    def check(obj: Object, old: Object | None = None) -> list[Cause]:
        metadata = obj.get("metadata") or {}
        causes: list[Cause] = []
        if old is not None:
            causes += validate_metadata_update(metadata, old.get("metadata") or {})
            causes += update(obj, old) if update else []
        if old is None or kind in _EXTRA:
            found = validate_metadata(metadata, name_check, namespaced=kind not in _CLUSTER_SCOPED)
            causes += [cause for cause in found if cause not in causes]
        return causes + (extra(obj) if extra else [])

    return check


def _decoded(value: Any) -> bytes:
    try:
        return base64.b64decode(value or "")
    except (binascii.Error, ValueError):
        return b""


def _secret(secret: Object) -> list[Cause]:
    data: Mapping[str, str] = secret.get("data") or {}
    causes = [invalid(f"data[{key}]", key, text) for key in data for text in config_key(key)]
    if sum(len(_decoded(value)) for value in data.values()) > MAX_SECRET_BYTES:
        causes.append(too_long("data", MAX_SECRET_BYTES))
    check = _SECRET_TYPES.get(secret.get("type") or "Opaque")
    return causes + (check(secret, data) if check else [])


def _token_secret(secret: Object, _: Mapping[str, str]) -> list[Cause]:
    annotations = (secret.get("metadata") or {}).get("annotations") or {}
    name = "kubernetes.io/service-account.name"
    return [] if annotations.get(name) else [required(f"metadata.annotations[{name}]")]


def _docker(key: str) -> Callable[[Object, Mapping[str, str]], list[Cause]]:
    def check(_: Object, data: Mapping[str, str]) -> list[Cause]:
        if key not in data:
            return [required(f"data[{key}]")]
        try:
            parsed = json.loads(_decoded(data[key]) or b"x")
        except ValueError as err:
            return [invalid(f"data[{key}]", _REDACTED, _json_problem(_decoded(data[key]), err))]
        if not isinstance(parsed, dict):
            text = "json: cannot unmarshal into Go value of type map[string]interface {}"
            return [invalid(f"data[{key}]", _REDACTED, text)]
        return []

    return check


def _json_problem(content: bytes, err: ValueError) -> str:
    position = getattr(err, "pos", len(content))
    if position >= len(content):
        return "unexpected end of JSON input"
    return f"invalid character '{chr(content[position])}' looking for beginning of value"


def _basic_auth(_: Object, data: Mapping[str, str]) -> list[Cause]:
    if "username" in data or "password" in data:
        return []
    return [required("data[username]"), required("data[password]")]


def _ssh_auth(_: Object, data: Mapping[str, str]) -> list[Cause]:
    return [] if data.get("ssh-privatekey") else [required("data[ssh-privatekey]")]


def _tls(_: Object, data: Mapping[str, str]) -> list[Cause]:
    return [required(f"data[{key}]") for key in ("tls.crt", "tls.key") if key not in data]


_SECRET_TYPES: Mapping[str, Callable[[Object, Mapping[str, str]], list[Cause]]] = MappingProxyType(
    {
        "kubernetes.io/service-account-token": _token_secret,
        "kubernetes.io/dockercfg": _docker(".dockercfg"),
        "kubernetes.io/dockerconfigjson": _docker(".dockerconfigjson"),
        "kubernetes.io/basic-auth": _basic_auth,
        "kubernetes.io/ssh-auth": _ssh_auth,
        "kubernetes.io/tls": _tls,
    }
)


def _config_map(config: Object) -> list[Cause]:
    data: Mapping[str, str] = config.get("data") or {}
    binary: Mapping[str, str] = config.get("binaryData") or {}
    causes: list[Cause] = []
    for key in data:
        causes += [invalid(f"data[{key}]", key, text) for text in config_key(key)]
        if key in binary:
            causes.append(invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
    causes += [invalid(f"binaryData[{key}]", key, text) for key in binary for text in config_key(key)]
    size = sum(len(value.encode()) for value in data.values()) + sum(len(_decoded(v)) for v in binary.values())
    return [*causes, too_long("", MAX_SECRET_BYTES)] if size > MAX_SECRET_BYTES else causes


def _frozen(*fields: str) -> Callable[[Object, Object], list[Cause]]:
    text = "field is immutable when `immutable` is set"

    def check(new: Object, old: Object) -> list[Cause]:
        if not old.get("immutable"):
            return []
        causes = [] if new.get("immutable") else [forbidden("immutable", text)]
        changed = [name for name in fields if (new.get(name) or {}) != (old.get(name) or {})]
        return causes + [forbidden(name, text) for name in changed]

    return check


def _secret_update(new: Object, old: Object) -> list[Cause]:
    return immutable("type", new.get("type"), old.get("type")) + _frozen("data")(new, old)


def _binding(binding: Object) -> list[Cause]:
    role = binding.get("roleRef") or {}
    causes = [] if role.get("name") else [required("roleRef.name")]
    for index, subject in enumerate(binding.get("subjects") or ()):
        if not subject.get("name"):
            causes.append(required(f"subjects[{index}].name"))
        if subject.get("kind") == "ServiceAccount" and not subject.get("namespace"):
            causes.append(required(f"subjects[{index}].namespace"))
    return causes


def _binding_update(new: Object, old: Object) -> list[Cause]:
    if new.get("roleRef") == old.get("roleRef"):
        return []
    return [invalid("roleRef", new.get("roleRef"), "cannot change roleRef")]


def _lease(lease: Object) -> list[Cause]:
    spec = lease.get("spec") or {}
    causes: list[Cause] = []
    duration = spec.get("leaseDurationSeconds")
    if duration is not None and duration <= 0:
        causes.append(invalid("spec.leaseDurationSeconds", duration, "must be greater than 0"))
    transitions = spec.get("leaseTransitions")
    if transitions is not None and transitions < 0:
        causes.append(invalid("spec.leaseTransitions", transitions, "must be greater than or equal to 0"))
    return causes


_EXTRA: Mapping[str, Callable[[Object], list[Cause]]] = MappingProxyType(
    {
        "Secret": _secret,
        "ConfigMap": _config_map,
        "RoleBinding": _binding,
        "ClusterRoleBinding": _binding,
        "Lease": _lease,
    }
)
_UPDATES: Mapping[str, Callable[[Object, Object], list[Cause]]] = MappingProxyType(
    {
        "Secret": _secret_update,
        "ConfigMap": _frozen("data", "binaryData"),
        "RoleBinding": _binding_update,
        "ClusterRoleBinding": _binding_update,
    }
)
