"""Which class makes the values of which kind; imported when the kind is used for the first time."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from eso.errors import ProviderNotAvailableError
from eso.generators.base import Generator

__all__ = ["GENERATORS", "GeneratorRegistry"]

GENERATORS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ACRAccessToken": "eso.generators.acraccesstoken:ACRAccessTokenGenerator",
        "BeyondtrustWorkloadCredentialsDynamicSecret": (
            "eso.generators.beyondtrustworkloadcredentialsdynamicsecret:"
            "BeyondtrustWorkloadCredentialsDynamicSecretGenerator"
        ),
        "CloudsmithAccessToken": "eso.generators.cloudsmithaccesstoken:CloudsmithAccessTokenGenerator",
        "ECRAuthorizationToken": "eso.generators.ecrauthorizationtoken:ECRAuthorizationTokenGenerator",
        "Fake": "eso.generators.fake:FakeGenerator",
        "GCRAccessToken": "eso.generators.gcraccesstoken:GCRAccessTokenGenerator",
        "GithubAccessToken": "eso.generators.githubaccesstoken:GithubAccessTokenGenerator",
        "GitlabDeployToken": "eso.generators.gitlabdeploytoken:GitlabDeployTokenGenerator",
        "Grafana": "eso.generators.grafana:GrafanaGenerator",
        "MFA": "eso.generators.mfa:MFAGenerator",
        "Password": "eso.generators.password:PasswordGenerator",
        "QuayAccessToken": "eso.generators.quayaccesstoken:QuayAccessTokenGenerator",
        "SSHKey": "eso.generators.sshkey:SSHKeyGenerator",
        "STSSessionToken": "eso.generators.stssessiontoken:STSSessionTokenGenerator",
        "UUID": "eso.generators.uuid:UUIDGenerator",
        "VaultDynamicSecret": "eso.generators.vaultdynamicsecret:VaultDynamicSecretGenerator",
        "Webhook": "eso.generators.webhook:WebhookGenerator",
    }
)
"""Kind to `module:Class`."""


class GeneratorRegistry:
    """Finds generators by kind.

    Args:
        table: kind to `module:Class`; the built-in generators by default.
        instances: generators at hand, by kind; they come before the table.
    """

    def __init__(
        self, table: Mapping[str, str] = GENERATORS, instances: Mapping[str, Generator[Any]] | None = None
    ) -> None:
        self._table = table
        self._found: dict[str, Generator[Any]] = dict(instances or {})

    def __contains__(self, kind: str) -> bool:
        return kind in self._found or kind in self._table

    def get(self, kind: str) -> Generator[Any]:
        """The generator of that kind.

        Raises:
            KeyError: there is none.
            ProviderNotAvailableError: a package that it needs is not installed.
        """
        found = self._found.get(kind)
        if found is None:
            module, _, name = self._table[kind].partition(":")
            try:
                found = getattr(importlib.import_module(module), name)()
            except ModuleNotFoundError as err:
                raise ProviderNotAvailableError(
                    f"generator {kind} needs the package {err.name}, which is not installed"
                ) from err
            self._found[kind] = found
        return found
