"""Pods: the part that controllers read (which Secrets and ConfigMaps they use, whether they are ready)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from reconcile.api.builtin import BuiltinKind, Items, Map
from reconcile.api.meta_v1 import ObjectMeta, Time
from reconcile.api.model import Model, Resource

__all__ = [
    "Container",
    "ContainerStatus",
    "EnvFromSource",
    "EnvVar",
    "EnvVarSource",
    "KeySelector",
    "Pod",
    "PodCondition",
    "PodSpec",
    "PodStatus",
    "PodTemplateSpec",
    "Volume",
]


class KeySelector(Model):
    """One key of a Secret or ConfigMap."""

    name: str = ""
    key: str = ""
    optional: bool | None = None


class EnvVarSource(Model):
    """Where the value of a variable comes from."""

    secret_key_ref: KeySelector | None = None
    config_map_key_ref: KeySelector | None = None
    field_ref: dict[str, Any] | None = None


class EnvVar(Model):
    """One environment variable."""

    name: str
    value: str = ""
    value_from: EnvVarSource | None = None


class ObjectSelector(Model):
    """A whole Secret or ConfigMap."""

    name: str = ""
    optional: bool | None = None


class EnvFromSource(Model):
    """All keys of an object as variables."""

    prefix: str = ""
    secret_ref: ObjectSelector | None = None
    config_map_ref: ObjectSelector | None = None


class Container(Model):
    """One container, without what only the kubelet reads."""

    name: str
    image: str = ""
    command: Items[str] = Field(default_factory=list)
    args: Items[str] = Field(default_factory=list)
    env: Items[EnvVar] = Field(default_factory=list)
    env_from: Items[EnvFromSource] = Field(default_factory=list)
    volume_mounts: Items[dict[str, Any]] = Field(default_factory=list)


class SecretVolumeSource(Model):
    """A Secret as files."""

    secret_name: str = ""
    items: Items[dict[str, Any]] = Field(default_factory=list)
    default_mode: int | None = None
    optional: bool | None = None


class ConfigMapVolumeSource(Model):
    """A ConfigMap as files."""

    name: str = ""
    items: Items[dict[str, Any]] = Field(default_factory=list)
    default_mode: int | None = None
    optional: bool | None = None


class ProjectedSource(Model):
    """One part of a projected volume."""

    secret: ObjectSelector | None = None
    config_map: ObjectSelector | None = None


class ProjectedVolumeSource(Model):
    """Several sources in one directory."""

    sources: Items[ProjectedSource] = Field(default_factory=list)


class Volume(Model):
    """A volume that holds a Secret or a ConfigMap; other sources are ignored."""

    name: str
    secret: SecretVolumeSource | None = None
    config_map: ConfigMapVolumeSource | None = None
    projected: ProjectedVolumeSource | None = None
    csi: dict[str, Any] | None = None


class PodSpec(Model):
    """What runs, and on what it depends."""

    containers: Items[Container] = Field(default_factory=list)
    init_containers: Items[Container] = Field(default_factory=list)
    volumes: Items[Volume] = Field(default_factory=list)
    service_account_name: str = ""
    node_name: str = ""
    image_pull_secrets: Items[ObjectSelector] = Field(default_factory=list)
    restart_policy: str = ""


class PodCondition(Model):
    """One observation, for example `Ready`."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: Time | None = None


class ContainerStatus(Model):
    """How one container is doing."""

    name: str
    ready: bool = False
    restart_count: int = 0
    image: str = ""
    state: dict[str, Any] | None = None


class PodStatus(Model):
    """How the Pod is doing."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    pod_ip: str = Field(default="", alias="podIP")
    host_ip: str = Field(default="", alias="hostIP")
    start_time: Time | None = None
    conditions: Items[PodCondition] = Field(default_factory=list)
    container_statuses: Items[ContainerStatus] = Field(default_factory=list)


class Pod(BuiltinKind):
    """Containers that run together."""

    resource = Resource("", "v1", "Pod", "pods", short_names=("po",))
    partial = True

    spec: PodSpec = Field(default_factory=PodSpec)
    status: PodStatus | None = None


class PodTemplateSpec(Model):
    """The Pods that a workload makes."""

    metadata: ObjectMeta = Field(default_factory=ObjectMeta)
    spec: PodSpec = Field(default_factory=PodSpec)

    @property
    def annotations(self) -> Map[str]:
        """Annotations of the Pods; changing one rolls the workload."""
        return self.metadata.annotations
