"""`eso crds`: the CustomResourceDefinitions, from the models of the kinds."""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from eso.api.externalsecrets_v1.clusterexternalsecret import ClusterExternalSecret
from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.api.externalsecrets_v1alpha1.clusterpushsecret import ClusterPushSecret
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.api.externalsecrets_v1beta1 import stored_schema
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
from eso.api.generators_v1alpha1.sshkey import SSHKey
from eso.api.generators_v1alpha1.stssessiontoken import STSSessionToken
from eso.api.generators_v1alpha1.uuid import UUID
from eso.api.generators_v1alpha1.vaultdynamicsecret import VaultDynamicSecret
from eso.api.generators_v1alpha1.webhook import Webhook
from eso.providers.schema import provider_schema, spec_model
from reconcile.api.model import KubeObject
from reconcile.schema import Schema, custom_resource_definition, schema_of, version_of

__all__ = ["GENERATOR_KINDS", "KINDS", "all_crds", "main", "parser", "plugin_models"]

GENERATOR_KINDS: Final[tuple[type[KubeObject], ...]] = (
    ACRAccessToken,
    BeyondtrustWorkloadCredentialsDynamicSecret,
    CloudsmithAccessToken,
    ECRAuthorizationToken,
    Fake,
    GCRAccessToken,
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
"""Every kind a generator reference can name, but ClusterGenerator."""

KINDS: Final[tuple[type[KubeObject], ...]] = (
    ExternalSecret,
    ClusterExternalSecret,
    SecretStore,
    ClusterSecretStore,
    PushSecret,
    ClusterPushSecret,
    ClusterGenerator,
    GeneratorState,
    *GENERATOR_KINDS,
)
"""Every kind of the operator."""

_ALSO_V1BETA1: Final = (ExternalSecret, ClusterExternalSecret, SecretStore, ClusterSecretStore)


def all_crds(extra_providers: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Every CustomResourceDefinition, as objects ready to apply.

    Args:
        extra_providers: key -> spec model of providers that are not part of this distribution (see `plugin_models`).
    """
    slots: dict[str, Schema] = {
        "provider": provider_schema(extra_providers),
        "vault": schema_of(spec_model("vault")),
        "beyondtrustworkloadcredentials": schema_of(spec_model("beyondtrustworkloadcredentials")),
    }
    return [_crd(kind, slots) for kind in KINDS]


def plugin_models() -> dict[str, Any]:
    """Spec models of the third-party providers that are installed: entry points of the group `eso.providers`."""
    points = importlib.metadata.entry_points(group="eso.providers")
    return {point.name: point.load().spec_type for point in points}


def parser() -> argparse.ArgumentParser:
    """Its flags."""
    flags = argparse.ArgumentParser(prog="eso crds", description="Write the CustomResourceDefinitions.")
    flags.add_argument("--output", type=Path, help="folder for one file per CRD; standard output when absent")
    flags.add_argument("--plugins", action="store_true", help="also describe installed third-party providers")
    return flags


def main(arguments: Sequence[str]) -> int:
    """Write the CRDs to standard output, or one file each into a folder; returns the exit code."""
    options = parser().parse_args(list(arguments))
    crds = all_crds(plugin_models() if options.plugins else None)
    if options.output is None:
        sys.stdout.write("---\n".join(_yaml(crd) for crd in crds))
        return 0
    options.output.mkdir(parents=True, exist_ok=True)
    for crd in crds:
        path = options.output / f"{crd['spec']['group']}_{crd['spec']['names']['plural']}.yaml"
        path.write_text(f"---\n{_yaml(crd)}", encoding="utf-8")
    return 0


def _crd(kind: type[KubeObject], slots: Mapping[str, Schema]) -> dict[str, Any]:
    older = [_v1beta1(kind)] if kind in _ALSO_V1BETA1 else []
    return custom_resource_definition(kind, other_versions=older, slots=slots)


def _v1beta1(kind: type[KubeObject]) -> dict[str, Any]:
    schema = stored_schema(kind.resource.kind)
    version = version_of(kind, storage=False, served=False, deprecated=True, schema=schema)
    version.pop("selectableFields", None)  # the API server needs them only for versions that it serves
    return {**version, "name": "v1beta1"}


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Write repeated parts out: kubectl diff and people read these files."""
        return True


def _yaml(crd: Mapping[str, Any]) -> str:
    text: str = yaml.dump(crd, Dumper=_Dumper, sort_keys=True, width=200, allow_unicode=True)
    return text


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
