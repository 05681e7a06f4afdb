"""`apps/v1`: Deployments, and the other workloads that roll when their template changes."""

from __future__ import annotations

from pydantic import Field

from reconcile.api.builtin import BuiltinKind, Items
from reconcile.api.meta_v1 import LabelSelector, Time
from reconcile.api.model import Model, Resource
from reconcile.api.pod_v1 import PodTemplateSpec

__all__ = ["DaemonSet", "Deployment", "DeploymentCondition", "DeploymentStatus", "StatefulSet", "WorkloadSpec"]


class WorkloadSpec(Model):
    """What the three kinds have in common."""

    replicas: int | None = None
    selector: LabelSelector | None = None
    template: PodTemplateSpec = Field(default_factory=PodTemplateSpec)
    paused: bool | None = None


class DeploymentCondition(Model):
    """One observation, for example `Available`."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_update_time: Time | None = None
    last_transition_time: Time | None = None


class DeploymentStatus(Model):
    """How far a rollout is."""

    observed_generation: int | None = None
    replicas: int | None = None
    updated_replicas: int | None = None
    ready_replicas: int | None = None
    available_replicas: int | None = None
    unavailable_replicas: int | None = None
    conditions: Items[DeploymentCondition] = Field(default_factory=list)


class Deployment(BuiltinKind):
    """Pods that are replaced gradually."""

    resource = Resource("apps", "v1", "Deployment", "deployments", short_names=("deploy",))
    partial = True

    spec: WorkloadSpec = Field(default_factory=WorkloadSpec)
    status: DeploymentStatus | None = None


class StatefulSet(BuiltinKind):
    """Pods with a stable identity."""

    resource = Resource("apps", "v1", "StatefulSet", "statefulsets", short_names=("sts",))
    partial = True

    spec: WorkloadSpec = Field(default_factory=WorkloadSpec)
    status: DeploymentStatus | None = None


class DaemonSet(BuiltinKind):
    """One Pod per node."""

    resource = Resource("apps", "v1", "DaemonSet", "daemonsets", short_names=("ds",))
    partial = True

    spec: WorkloadSpec = Field(default_factory=WorkloadSpec)
