"""The schema of `spec.provider`: which model describes each provider's configuration.

This table names models only; importing it imports no SDK. `registry.py` holds the implementations.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel

from reconcile.schema import Schema, schema_of

__all__ = ["PROVIDER_SPECS", "provider_schema", "spec_model"]

PROVIDER_SPECS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "akeyless": "AkeylessSpec",
        "aws": "AWSSpec",
        "azurekv": "AzureKVSpec",
        "barbican": "BarbicanSpec",
        "beyondtrust": "BeyondtrustSpec",
        "beyondtrustworkloadcredentials": "BeyondtrustWorkloadCredentialsSpec",
        "bitwardensecretsmanager": "BitwardenSecretsManagerSpec",
        "chef": "ChefSpec",
        "cloudrusm": "CloudruSMSpec",
        "conjur": "ConjurSpec",
        "crd": "CRDSpec",
        "delinea": "DelineaSpec",
        "doppler": "DopplerSpec",
        "dvls": "DVLSSpec",
        "fake": "FakeSpec",
        "fortanix": "FortanixSpec",
        "gcpsm": "GCPSMSpec",
        "github": "GithubSpec",
        "gitlab": "GitlabSpec",
        "ibm": "IBMSpec",
        "infisical": "InfisicalSpec",
        "keepersecurity": "KeeperSecuritySpec",
        "kubernetes": "KubernetesSpec",
        "nebiusmysterybox": "NebiusMysteryboxSpec",
        "ngrok": "NgrokSpec",
        "onboardbase": "OnboardbaseSpec",
        "onepassword": "OnePasswordSpec",
        "onepasswordSDK": "OnePasswordSDKSpec",
        "openBao": "OpenBaoSpec",
        "oracle": "OracleSpec",
        "ovh": "OvhSpec",
        "passbolt": "PassboltSpec",
        "passworddepot": "PasswordDepotSpec",
        "previder": "PreviderSpec",
        "pulumi": "PulumiSpec",
        "scaleway": "ScalewaySpec",
        "secretserver": "SecretServerSpec",
        "senhasegura": "SenhaseguraSpec",
        "vault": "VaultSpec",
        "volcengine": "VolcengineSpec",
        "webhook": "WebhookSpec",
        "yandexcertificatemanager": "YandexCertificateManagerSpec",
        "yandexlockbox": "YandexLockboxSpec",
    }
)
"""Key under `spec.provider` -> class name in `eso.providers.<key, lower case>.spec`."""


def spec_model(key: str) -> type[BaseModel]:
    """The model of `spec.provider.<key>`.

    Raises:
        KeyError: no such provider here.
    """
    name = PROVIDER_SPECS[key]
    model: type[BaseModel] = getattr(importlib.import_module(f"eso.providers.{key.lower()}.spec"), name)
    return model


def provider_schema(models: Mapping[str, Any] | None = None) -> Schema:
    """The schema of `spec.provider`: exactly one of the known keys.

    Args:
        models: key -> model, for more providers than those of the table.
    """
    known = {key: spec_model(key) for key in PROVIDER_SPECS}
    return {
        "type": "object",
        "properties": {key: schema_of(model) for key, model in {**known, **(models or {})}.items()},
        "minProperties": 1,
        "maxProperties": 1,
    }
