"""From a generatorRef to the generator, its spec, and the manifest that a GeneratorState remembers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NoReturn, Protocol

from pydantic import BaseModel, ValidationError

from eso.api.generators_v1alpha1.acraccesstoken import ACRAccessToken
from eso.api.generators_v1alpha1.beyondtrustworkloadcredentialsdynamicsecret import (
    BeyondtrustWorkloadCredentialsDynamicSecret,
)
from eso.api.generators_v1alpha1.cloudsmithaccesstoken import CloudsmithAccessToken
from eso.api.generators_v1alpha1.clustergenerator import ClusterGenerator
from eso.api.generators_v1alpha1.ecrauthorizationtoken import ECRAuthorizationToken
from eso.api.generators_v1alpha1.fake import Fake
from eso.api.generators_v1alpha1.gcraccesstoken import GCRAccessToken
from eso.api.generators_v1alpha1.generatorstate import GeneratorState
from eso.api.generators_v1alpha1.githubaccesstoken import GithubAccessToken
from eso.api.generators_v1alpha1.gitlabdeploytoken import GitlabDeployToken
from eso.api.generators_v1alpha1.grafana import Grafana
from eso.api.generators_v1alpha1.mfa import MFA
from eso.api.generators_v1alpha1.password import Password
from eso.api.generators_v1alpha1.quayaccesstoken import QuayAccessToken
from eso.api.generators_v1alpha1.resource import GENERATOR_GROUP
from eso.api.generators_v1alpha1.sshkey import SSHKey
from eso.api.generators_v1alpha1.stssessiontoken import STSSessionToken
from eso.api.generators_v1alpha1.uuid import UUID
from eso.api.generators_v1alpha1.vaultdynamicsecret import VaultDynamicSecret
from eso.api.generators_v1alpha1.webhook import Webhook
from eso.errors import InvalidSpecError, ReferenceNotFoundError
from eso.generators.base import Generator
from eso.generators.registry import GeneratorRegistry
from reconcile.api.model import KubeObject
from reconcile.client.client import Client
from reconcile.errors import NotFoundError, TerminalError

__all__ = ["CLUSTER_SPECS", "GeneratorReferenceError", "GeneratorResolver", "Reference", "Resolved", "spec_of"]

_API_VERSION: Final = f"{GENERATOR_GROUP}/v1alpha1"
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"

_KINDS: Final[Mapping[str, type[KubeObject]]] = MappingProxyType(
    {
        kind.resource.kind: kind
        for kind in (
            ACRAccessToken,
            BeyondtrustWorkloadCredentialsDynamicSecret,
            CloudsmithAccessToken,
            ClusterGenerator,
            ECRAuthorizationToken,
            Fake,
            GCRAccessToken,
            GeneratorState,
            GithubAccessToken,
            GitlabDeployToken,
            Grafana,
            MFA,
            Password,
            QuayAccessToken,
            SSHKey,
            STSSessionToken,
            UUID,
            VaultDynamicSecret,
            Webhook,
        )
    }
)
"""Every kind of the group; not each of them is a generator."""

CLUSTER_SPECS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ACRAccessToken": "acrAccessTokenSpec",
        "BeyondtrustWorkloadCredentialsDynamicSecret": "beyondtrustWorkloadCredentialsDynamicSecretSpec",
        "CloudsmithAccessToken": "cloudsmithAccessTokenSpec",
        "ECRAuthorizationToken": "ecrAuthorizationTokenSpec",
        "Fake": "fakeSpec",
        "GCRAccessToken": "gcrAccessTokenSpec",
        "GithubAccessToken": "githubAccessTokenSpec",
        "GitlabDeployToken": "gitlabDeployTokenSpec",
        "Grafana": "grafanaSpec",
        "MFA": "mfaSpec",
        "Password": "passwordSpec",
        "QuayAccessToken": "quayAccessTokenSpec",
        "SSHKey": "sshKeySpec",
        "STSSessionToken": "stsSessionTokenSpec",
        "UUID": "uuidSpec",
        "VaultDynamicSecret": "vaultDynamicSecretSpec",
        "Webhook": "webhookSpec",
    }
)
"""Field of `ClusterGenerator.spec.generator` for each kind."""


class Reference(Protocol):
    """A generatorRef, of whichever kind holds it."""

    @property
    def api_version(self) -> str:
        """Group and version."""

    @property
    def kind(self) -> str:
        """Kind of the generator."""

    @property
    def name(self) -> str:
        """Name of the generator."""


class GeneratorReferenceError(InvalidSpecError):
    """A generatorRef, or the ClusterGenerator behind it, can never work as it is written. Its cause is a TerminalError."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A generator that can run.

    Attributes:
        kind: of the generator; never ClusterGenerator.
        generator: makes the values.
        spec: for it.
        manifest: the object as JSON, enough to undo later what is made now.
    """

    kind: str
    generator: Generator[Any]
    spec: BaseModel = field(repr=False)
    manifest: dict[str, Any] = field(repr=False)


class GeneratorResolver:
    """Resolves generatorRefs.

    Args:
        client: of the API server.
        registry: the generators.
        watch: called for each kind that is used, so that it is read from a cache from then on.
    """

    def __init__(
        self,
        client: Client,
        registry: GeneratorRegistry,
        *,
        watch: Callable[[type[KubeObject]], object] | None = None,
    ) -> None:
        self._client = client
        self._watch = watch
        self._watched: set[type[KubeObject]] = set()
        self.registry = registry

    async def resolve(self, ref: Reference, namespace: str) -> Resolved:
        """The generator that an object of the namespace refers to.

        Raises:
            GeneratorReferenceError: trying again is useless until somebody edits something.
            ReferenceNotFoundError: there is no such generator.
            APIError, TransportError: the API server could not be asked.
        """
        manifest = await self._read(self._kind_of(ref), ref, namespace)
        kind = manifest["kind"]
        if kind == "ClusterGenerator":
            manifest = self._unwrapped(manifest)
            kind = manifest["kind"]
        generator = self.registry.get(kind)
        try:
            return Resolved(kind, generator, spec_of(generator, manifest), manifest)
        except InvalidSpecError as err:
            raise GeneratorReferenceError(f"unable to get generator: {err}") from TerminalError(str(err))

    async def controller_class(self, ref: Reference, namespace: str) -> str | None:
        """`spec.controller` of the generator; None when it has none or cannot be resolved.

        Raises:
            APIError, TransportError: the API server could not be asked.
        """
        try:
            resolved = await self.resolve(ref, namespace)
        except (InvalidSpecError, ReferenceNotFoundError):
            return None
        return getattr(resolved.spec, "controller", None) or None

    def _kind_of(self, ref: Reference) -> type[KubeObject]:
        group, slash, version = ref.api_version.partition("/")
        if "/" in version:
            _refuse(f"generatorRef has invalid APIVersion: unexpected GroupVersion string: {ref.api_version}")
        if not slash:
            group, version = "", group
        if group != GENERATOR_GROUP:
            _refuse(f"generatorRef may only reference the generators group, but got {group}")
        kind = _KINDS.get(ref.kind)
        if kind is None or version != kind.resource.version:
            _refuse(f"generatorRef references unknown GVK {ref.api_version}, Kind={ref.kind}")
        if kind is not ClusterGenerator and ref.kind not in self.registry:
            _refuse(f"generatorRef has unknown kind {ref.kind}")
        return kind

    async def _read(self, kind: type[KubeObject], ref: Reference, namespace: str) -> dict[str, Any]:
        try:
            found = await self._client.get_wire(kind, ref.name, namespace if kind.resource.namespaced else "")
        except NotFoundError as err:
            # Worded as for stores; the API server's own text depends on who asks it, a cache or the server.
            name = f'{kind.resource.kind}.{kind.resource.group} "{ref.name}"'
            raise ReferenceNotFoundError(f"unable to get generator: {name} not found") from err
        if self._watch is not None and kind not in self._watched:
            self._watched.add(kind)
            self._watch(kind)
        metadata = {key: value for key, value in (found.get("metadata") or {}).items() if key != "managedFields"}
        annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != _LAST_APPLIED}
        metadata.pop("annotations", None)
        if annotations:
            metadata["annotations"] = annotations
        manifest = {"apiVersion": kind.resource.api_version, "kind": kind.resource.kind, "metadata": metadata}
        if "spec" in found:
            manifest["spec"] = found["spec"]
        return manifest

    def _unwrapped(self, cluster: Mapping[str, Any]) -> dict[str, Any]:
        """The namespaced manifest that a ClusterGenerator stands for."""
        spec = cluster.get("spec") or {}
        kind = spec.get("kind", "")
        if kind not in CLUSTER_SPECS:
            _refuse(f"invalid ClusterGenerator: unknown kind {kind}")
        inner = (spec.get("generator") or {}).get(CLUSTER_SPECS[kind])
        if inner is None:
            _refuse(f"invalid ClusterGenerator: when kind is {kind}, {kind}Spec must be set")
        if kind not in self.registry:
            _refuse(f"ClusterGenerator has unknown kind {kind}")
        return {"apiVersion": _API_VERSION, "kind": kind, "spec": inner}


def spec_of(generator: Generator[Any], manifest: Mapping[str, Any]) -> BaseModel:
    """The spec in a manifest.

    Raises:
        InvalidSpecError: it is missing or not valid; the text names the field, never its value.
    """
    spec = manifest.get("spec")
    try:
        return generator.spec_type.model_validate({} if spec is None else spec)
    except ValidationError as err:
        if spec is None:
            raise InvalidSpecError("no config spec provided") from None
        first = err.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, ("spec", *first["loc"])))
        raise InvalidSpecError(f"{place}: {first['msg']}") from None


def _refuse(problem: str) -> NoReturn:
    text = f"unable to get generator: {problem}"
    raise GeneratorReferenceError(text) from TerminalError(text)
