"""The table columns of built-in kinds. Source: the answers of kube-apiserver 1.36."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconcile.testing.apiserver.durations import age, human_duration, parse_time

__all__ = ["BUILTIN_TABLES", "Column", "Table"]

Object = Mapping[str, Any]
Cell = Callable[[Object, datetime], Any]


@dataclass(frozen=True)
class Column:
    """One column: its header and how a cell comes from an object."""

    name: str
    value: Cell
    type: str = "string"
    format: str = ""
    priority: int = 0
    description: str = ""

    def definition(self) -> dict[str, Any]:
        """The entry of `columnDefinitions`."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        }


@dataclass(frozen=True)
class Table:
    """The columns of a kind."""

    columns: tuple[Column, ...]


def _at(obj: Any, path: str, default: Any = None) -> Any:
    for step in path.split("."):
        obj = obj.get(step) if isinstance(obj, Mapping) else None
    return default if obj is None else obj


def _field(path: str, default: Any = "") -> Cell:
    return lambda obj, now: _at(obj, path, default)


def _count(path: str) -> Cell:
    return lambda obj, now: len(_at(obj, path, ()))


def _since(path: str, missing: str = "<unknown>") -> Cell:
    return lambda obj, now: age(_at(obj, path), now) if _at(obj, path) else missing


def _joined(values: Iterable[Any]) -> str:
    return ",".join(str(value) for value in values) or "<none>"


def _pairs(path: str) -> Cell:
    return lambda obj, now: _joined(f"{key}={value}" for key, value in sorted(_at(obj, path, {}).items()))


def _containers(path: str, field: str) -> Cell:
    return lambda obj, now: ",".join(str(item.get(field, "")) for item in _at(obj, path, ()))


def _name() -> Column:
    return Column("Name", lambda obj, now: obj["metadata"]["name"], format="name")


def _age() -> Column:
    return Column("Age", _since("metadata.creationTimestamp"))


def _table(*columns: Column) -> Table:
    return Table((_name(), *columns))


def _number(name: str, path: str) -> Column:
    return Column(name, _field(path, 0), type="integer")


def _wide(name: str, cell: Cell) -> Column:
    return Column(name, cell, priority=1)


def _template(root: str = "spec.template.spec.containers") -> tuple[Column, Column]:
    return _wide("Containers", _containers(root, "name")), _wide("Images", _containers(root, "image"))


def _ready(desired: str, ready: str) -> Cell:
    return lambda obj, now: f"{_at(obj, ready, 0)}/{_at(obj, desired, 0)}"


def _event_seen(obj: Object, now: datetime) -> str:
    last = _at(obj, "series.lastObservedTime") or obj.get("lastTimestamp") or obj.get("deprecatedLastTimestamp")
    return age(last or obj.get("eventTime") or _at(obj, "metadata.creationTimestamp"), now)


def _event_first(obj: Object, now: datetime) -> str:
    return age(obj.get("firstTimestamp") or obj.get("deprecatedFirstTimestamp") or obj.get("eventTime"), now)


def _event_object(obj: Object, now: datetime) -> str:
    target = obj.get("involvedObject") or obj.get("regarding") or {}
    return f"{str(target.get('kind', '')).lower()}/{target.get('name', '')}"


def _event_source(obj: Object, now: datetime) -> str:
    source = obj.get("source") or obj.get("deprecatedSource") or {}
    parts = [
        source.get("component") or obj.get("reportingComponent") or obj.get("reportingController") or "",
        source.get("host", ""),
    ]
    return ", ".join(part for part in parts if part)


def _event_count(obj: Object, now: datetime) -> str:
    return str(_at(obj, "series.count") or obj.get("count") or obj.get("deprecatedCount") or 1)


def _pod_status(obj: Object, now: datetime) -> str:
    if _at(obj, "metadata.deletionTimestamp"):
        return "Terminating"
    for status in _at(obj, "status.containerStatuses", ()):
        state = status.get("state") or {}
        reason = _at(state, "waiting.reason") or _at(state, "terminated.reason")
        if reason:
            return str(reason)
    return str(_at(obj, "status.reason") or _at(obj, "status.phase", ""))


def _pod_ready(obj: Object, now: datetime) -> str:
    ready = sum(bool(status.get("ready")) for status in _at(obj, "status.containerStatuses", ()))
    return f"{ready}/{len(_at(obj, 'spec.containers', ()))}"


def _pod_restarts(obj: Object, now: datetime) -> str:
    return str(sum(status.get("restartCount", 0) for status in _at(obj, "status.containerStatuses", ())))


def _ports(obj: Object, now: datetime) -> str:
    texts = []
    for port in _at(obj, "spec.ports", ()):
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        texts.append(f"{port.get('port')}{node}/{port.get('protocol', 'TCP')}")
    return _joined(texts)


def _external_ip(obj: Object, now: datetime) -> str:
    if _at(obj, "spec.type") == "ExternalName":
        return str(_at(obj, "spec.externalName", "<none>"))
    ingress = _at(obj, "status.loadBalancer.ingress", ())
    addresses = [item.get("ip") or item.get("hostname", "") for item in ingress] + list(
        _at(obj, "spec.externalIPs", ())
    )
    return ",".join(addresses) or ("<pending>" if _at(obj, "spec.type") == "LoadBalancer" else "<none>")


def _role(obj: Object, now: datetime) -> str:
    return f"{_at(obj, 'roleRef.kind', '')}/{_at(obj, 'roleRef.name', '')}"


def _subjects(kind: str) -> Cell:
    def cell(obj: Object, now: datetime) -> str:
        chosen = [subject for subject in obj.get("subjects") or () if subject.get("kind") == kind]
        if kind == "ServiceAccount":
            return ", ".join(f"{subject.get('namespace', '')}/{subject['name']}" for subject in chosen)
        return ", ".join(subject["name"] for subject in chosen)

    return cell


def _job_duration(obj: Object, now: datetime) -> str:
    start = parse_time(_at(obj, "status.startTime", ""))
    if start is None:
        return ""
    end = parse_time(_at(obj, "status.completionTime", "")) or now
    return human_duration((end - start).total_seconds())


def _job_status(obj: Object, now: datetime) -> str:
    for condition in _at(obj, "status.conditions", ()):
        if condition.get("status") == "True" and condition.get("type") in ("Complete", "Failed", "Suspended"):
            return str(condition["type"])
    return "Running"


def _hosts(obj: Object, now: datetime) -> str:
    return ",".join(rule.get("host") or "*" for rule in _at(obj, "spec.rules", ())) or "*"


def _workload(*columns: Column) -> Table:
    return _table(*columns, _age(), *_template(), _wide("Selector", _pairs("spec.selector.matchLabels")))


def _binding() -> Table:
    people = (_wide("Users", _subjects("User")), _wide("Groups", _subjects("Group")))
    return _table(Column("Role", _role), _age(), *people, _wide("ServiceAccounts", _subjects("ServiceAccount")))


_EVENTS = Table(
    (
        Column("Last Seen", _event_seen),
        Column("Type", _field("type")),
        Column("Reason", _field("reason")),
        Column("Object", _event_object),
        _wide("Subobject", _field("involvedObject.fieldPath")),
        _wide("Source", _event_source),
        Column("Message", lambda obj, now: str(obj.get("message") or obj.get("note") or "").strip()),
        _wide("First Seen", _event_first),
        _wide("Count", _event_count),
        Column("Name", lambda obj, now: obj["metadata"]["name"], format="name", priority=1),
    )
)
_SCALED = (
    _number("Desired", "spec.replicas"),
    _number("Current", "status.replicas"),
    _number("Ready", "status.readyReplicas"),
)

BUILTIN_TABLES: Mapping[str, Table] = {
    "configmaps": _table(
        Column("Data", lambda obj, now: len(obj.get("data") or ()) + len(obj.get("binaryData") or ())), _age()
    ),
    "secrets": _table(Column("Type", _field("type")), Column("Data", _count("data")), _age()),
    "namespaces": _table(Column("Status", _field("status.phase")), _age()),
    "serviceaccounts": _table(_age()),
    "events": _EVENTS,
    "leases": _table(Column("Holder", _field("spec.holderIdentity")), _age()),
    "nodes": _table(
        Column("Status", lambda obj, now: "Ready"),
        Column("Roles", lambda obj, now: "<none>"),
        _age(),
        Column("Version", _field("status.nodeInfo.kubeletVersion")),
    ),
    "pods": _table(
        Column("Ready", _pod_ready),
        Column("Status", _pod_status),
        Column("Restarts", _pod_restarts),
        _age(),
        _wide("IP", _field("status.podIP", "<none>")),
        _wide("Node", _field("spec.nodeName", "<none>")),
        _wide("Nominated Node", _field("status.nominatedNodeName", "<none>")),
        _wide("Readiness Gates", lambda obj, now: "<none>"),
    ),
    "services": _table(
        Column("Type", _field("spec.type")),
        Column("Cluster-IP", _field("spec.clusterIP", "<none>")),
        Column("External-IP", _external_ip),
        Column("Port(s)", _ports),
        _age(),
        _wide("Selector", _pairs("spec.selector")),
    ),
    "deployments": _workload(
        Column("Ready", _ready("spec.replicas", "status.readyReplicas")),
        Column("Up-to-date", _field("status.updatedReplicas", 0)),
        Column("Available", _field("status.availableReplicas", 0)),
    ),
    "replicasets": _workload(*_SCALED),
    "daemonsets": _workload(
        _number("Desired", "status.desiredNumberScheduled"),
        _number("Current", "status.currentNumberScheduled"),
        _number("Ready", "status.numberReady"),
        _number("Up-to-date", "status.updatedNumberScheduled"),
        _number("Available", "status.numberAvailable"),
        Column("Node Selector", _pairs("spec.template.spec.nodeSelector")),
    ),
    "statefulsets": _table(Column("Ready", _ready("spec.replicas", "status.readyReplicas")), _age(), *_template()),
    "replicationcontrollers": _table(*_SCALED, _age(), *_template(), _wide("Selector", _pairs("spec.selector"))),
    "jobs": _workload(
        Column("Status", _job_status),
        Column("Completions", _ready("spec.completions", "status.succeeded")),
        Column("Duration", _job_duration),
    ),
    "cronjobs": _table(
        Column("Schedule", _field("spec.schedule")),
        Column("Timezone", _field("spec.timeZone", "<none>")),
        Column("Suspend", _field("spec.suspend", False), type="boolean"),
        Column("Active", _count("status.active"), type="integer"),
        Column("Last Schedule", _since("status.lastScheduleTime", "<none>")),
        _age(),
        *_template("spec.jobTemplate.spec.template.spec.containers"),
    ),
    "ingresses": _table(
        Column("Class", _field("spec.ingressClassName", "<none>")),
        Column("Hosts", _hosts),
        Column("Address", lambda obj, now: ""),
        Column("Ports", lambda obj, now: "80, 443" if _at(obj, "spec.tls") else "80"),
        _age(),
    ),
    "networkpolicies": _table(Column("Pod-Selector", _pairs("spec.podSelector.matchLabels")), _age()),
    "poddisruptionbudgets": _table(
        Column("Min Available", _field("spec.minAvailable", "N/A")),
        Column("Max Unavailable", _field("spec.maxUnavailable", "N/A")),
        _number("Allowed Disruptions", "status.disruptionsAllowed"),
        _age(),
    ),
    "clusterrolebindings": _binding(),
    "rolebindings": _binding(),
    "mutatingwebhookconfigurations": _table(Column("Webhooks", _count("webhooks"), type="integer"), _age()),
    "validatingwebhookconfigurations": _table(Column("Webhooks", _count("webhooks"), type="integer"), _age()),
    "storageclasses": _table(
        Column("Provisioner", _field("provisioner")), Column("ReclaimPolicy", _field("reclaimPolicy")), _age()
    ),
    "priorityclasses": _table(
        Column("Value", _field("value", 0), type="integer"),
        Column("Global-Default", _field("globalDefault", False), type="boolean"),
        _age(),
        Column("PreemptionPolicy", _field("preemptionPolicy")),
    ),
    "ingressclasses": _table(
        Column("Controller", _field("spec.controller")), Column("Parameters", lambda obj, now: "<none>"), _age()
    ),
    "persistentvolumeclaims": _table(
        Column("Status", _field("status.phase")),
        Column("Volume", _field("spec.volumeName")),
        Column("Capacity", _field("status.capacity.storage")),
        Column("Access Modes", lambda obj, now: ",".join(_at(obj, "spec.accessModes", ()))),
        Column("StorageClass", _field("spec.storageClassName")),
        _age(),
    ),
    "endpoints": _table(
        Column(
            "Endpoints",
            lambda obj, now: _joined(
                address["ip"] for subset in obj.get("subsets") or () for address in subset.get("addresses") or ()
            ),
        ),
        _age(),
    ),
}
