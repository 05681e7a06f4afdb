"""What the server fills into new objects of the built-in kinds beside the defaults of their schemas."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["apply_builtin_defaults", "reset_builtin_status"]

Object = dict[str, Any]


def _set(target: Object, **values: Any) -> None:
    for key, value in values.items():
        target.setdefault(key, value)


def _secret(obj: Object) -> None:
    text = obj.pop("stringData", None)
    if text:
        data = obj.setdefault("data", {})
        data.update({key: base64.b64encode(value.encode()).decode() for key, value in text.items()})
    if not obj.get("type"):
        obj["type"] = "Opaque"


def _namespace(obj: Object) -> None:
    labels = obj["metadata"].setdefault("labels", {})
    if obj["metadata"].get("name"):
        labels["kubernetes.io/metadata.name"] = obj["metadata"]["name"]
    obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])


def _container(container: Object) -> None:
    image = str(container.get("image", ""))
    tag = image.rpartition("/")[2]
    latest = (":" not in tag and "@" not in tag) or tag.endswith(":latest")
    _set(
        container,
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy="Always" if latest else "IfNotPresent",
    )


def _pod_spec(spec: Object) -> None:
    for name in ("containers", "initContainers"):
        for container in spec.get(name) or ():
            _container(container)
    _set(
        spec,
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        securityContext={},
        schedulerName="default-scheduler",
    )


def _pod(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _pod_spec(spec)
    _set(spec, enableServiceLinks=True, serviceAccountName="default", serviceAccount="default")


def _template(obj: Object) -> Object:
    spec: Object = obj.setdefault("spec", {})
    template = spec.get("template")
    if isinstance(template, dict):
        _pod_spec(template.setdefault("spec", {}))
    return spec


def _deployment(obj: Object) -> None:
    spec = _template(obj)
    _set(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = spec.setdefault("strategy", {"type": "RollingUpdate"})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        _set(strategy.setdefault("rollingUpdate", {}), maxUnavailable="25%", maxSurge="25%")


def _stateful_set(obj: Object) -> None:
    spec = _template(obj)
    _set(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady")
    spec.setdefault("updateStrategy", {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})


def _daemon_set(obj: Object) -> None:
    spec = _template(obj)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("updateStrategy", {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}})


def _replicated(obj: Object) -> None:
    _template(obj).setdefault("replicas", 1)


def _job(obj: Object) -> None:
    _set(_template(obj), completions=1, parallelism=1, backoffLimit=6, completionMode="NonIndexed", suspend=False)


def _cron_job(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)


def _cluster_ip(metadata: Object, spec: Object) -> None:
    # Derived from the name: no allocator to persist, and an update that leaves it out keeps it.
    digest = hashlib.sha256(f"{metadata.get('namespace')}/{metadata.get('name')}".encode()).digest()
    address = spec.get("clusterIP") or f"10.96.{digest[0]}.{digest[1] % 254 + 1}"
    spec["clusterIP"] = address
    spec.setdefault("clusterIPs", [address])


def _service(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, type="ClusterIP", sessionAffinity="None")
    if spec["type"] != "ExternalName":
        _cluster_ip(obj["metadata"], spec)
        _set(spec, internalTrafficPolicy="Cluster", ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
    for port in spec.get("ports") or ():
        _set(port, protocol="TCP", targetPort=port.get("port"))


def _webhooks(obj: Object) -> None:
    for webhook in obj.get("webhooks") or ():
        _set(
            webhook,
            failurePolicy="Fail",
            matchPolicy="Equivalent",
            namespaceSelector={},
            objectSelector={},
            timeoutSeconds=10,
        )
        if obj["kind"] == "MutatingWebhookConfiguration":
            webhook.setdefault("reinvocationPolicy", "Never")
        service = (webhook.get("clientConfig") or {}).get("service")
        if service is not None:
            service.setdefault("port", 443)
        for rule in webhook.get("rules") or ():
            rule.setdefault("scope", "*")


def _crd(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    names = spec.setdefault("names", {})
    kind = names.get("kind") or ""
    if kind:
        _set(names, singular=kind.lower(), listKind=f"{kind}List")
    spec.setdefault("conversion", {"strategy": "None"})


def _subjects(obj: Object) -> None:
    for subject in obj.get("subjects") or ():
        if subject.get("kind") in ("User", "Group"):
            subject.setdefault("apiGroup", "rbac.authorization.k8s.io")
    role = obj.get("roleRef")
    if role is not None and not role.get("apiGroup"):
        role["apiGroup"] = "rbac.authorization.k8s.io"


def _role(obj: Object) -> None:
    obj.setdefault("rules", None)


_DEFAULTS: Mapping[str, Callable[[Object], None]] = {
    "Secret": _secret,
    "Namespace": _namespace,
    "Pod": _pod,
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "ReplicaSet": _replicated,
    "ReplicationController": _replicated,
    "Job": _job,
    "CronJob": _cron_job,
    "Service": _service,
    "MutatingWebhookConfiguration": _webhooks,
    "ValidatingWebhookConfiguration": _webhooks,
    "CustomResourceDefinition": _crd,
    "ClusterRoleBinding": _subjects,
    "RoleBinding": _subjects,
    "Role": _role,
    "ClusterRole": _role,
}

_FIRST_STATUS: Mapping[str, Object] = {
    "Namespace": {"phase": "Active"},
    "Pod": {"phase": "Pending", "qosClass": "BestEffort"},
    "Service": {"loadBalancer": {}},
    "PersistentVolumeClaim": {"phase": "Pending"},
    "PersistentVolume": {"phase": "Pending"},
    "PodDisruptionBudget": {"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0},
}


def apply_builtin_defaults(obj: Object) -> None:
    """Fill in what the kind's defaulting functions would, in place; unknown kinds are left alone."""
    default = _DEFAULTS.get(obj["kind"])
    if default is not None:
        default(obj)


def reset_builtin_status(obj: Object) -> None:
    """Give a new object the status it starts with, whatever the client sent."""
    obj["status"] = dict(_FIRST_STATUS.get(obj["kind"], {}))
