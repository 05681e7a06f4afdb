"""Which package implements a provider, and what `spec.provider` of a store says.

The table names modules; a provider and its SDK are imported when it is used for the first time. Packages of others add
providers through the entry-point group `eso.providers`: name = key under `spec.provider`, value = `module:Class`.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Mapping
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from eso.errors import InvalidSpecError, ProviderNotAvailableError
from eso.providers.base import Maintenance, Provider
from eso.redaction import scrub

__all__ = ["PROVIDERS", "ProviderRegistry", "invalid_fields", "provider_key"]

GROUP: Final = "eso.providers"

PROVIDERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "akeyless": "AkeylessProvider",
        "aws": "AWSProvider",
        "azurekv": "AzureKVProvider",
        "barbican": "BarbicanProvider",
        "beyondtrust": "BeyondtrustProvider",
        "beyondtrustworkloadcredentials": "BeyondtrustWorkloadCredentialsProvider",
        "bitwardensecretsmanager": "BitwardenSecretsManagerProvider",
        "chef": "ChefProvider",
        "cloudrusm": "CloudruSMProvider",
        "conjur": "ConjurProvider",
        "crd": "CRDProvider",
        "delinea": "DelineaProvider",
        "doppler": "DopplerProvider",
        "dvls": "DVLSProvider",
        "fake": "FakeProvider",
        "fortanix": "FortanixProvider",
        "gcpsm": "GCPSMProvider",
        "github": "GithubProvider",
        "gitlab": "GitlabProvider",
        "ibm": "IBMProvider",
        "infisical": "InfisicalProvider",
        "keepersecurity": "KeeperSecurityProvider",
        "kubernetes": "KubernetesProvider",
        "nebiusmysterybox": "NebiusMysteryboxProvider",
        "ngrok": "NgrokProvider",
        "onboardbase": "OnboardbaseProvider",
        "onepassword": "OnePasswordProvider",
        "onepasswordSDK": "OnePasswordSDKProvider",
        "openBao": "OpenBaoProvider",
        "oracle": "OracleProvider",
        "ovh": "OvhProvider",
        "passbolt": "PassboltProvider",
        "passworddepot": "PasswordDepotProvider",
        "previder": "PreviderProvider",
        "pulumi": "PulumiProvider",
        "scaleway": "ScalewayProvider",
        "secretserver": "SecretServerProvider",
        "senhasegura": "SenhaseguraProvider",
        "vault": "VaultProvider",
        "volcengine": "VolcengineProvider",
        "webhook": "WebhookProvider",
        "yandexcertificatemanager": "YandexCertificateManagerProvider",
        "yandexlockbox": "YandexLockboxProvider",
    }
)
"""Key under `spec.provider` -> class name in `eso.providers.<key, lower case>.provider`."""

EXTRAS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "aws": "aws",
        "azurekv": "azure",
        "cloudrusm": "grpc",
        "gcpsm": "gcp",
        "github": "github",
        "nebiusmysterybox": "grpc",
        "onepasswordSDK": "onepassword",
        "openBao": "vault",
        "passbolt": "passbolt",
        "vault": "vault",
        "yandexcertificatemanager": "grpc",
        "yandexlockbox": "grpc",
    }
)
"""Extras of this distribution that carry a provider's SDK."""

_NOT_MAINTAINED: Final = frozenset(("fake",))
_BATCHING: Final = frozenset(("aws",))


def provider_key(spec: Mapping[str, Any], store_name: str) -> str:
    """The one key under `spec.provider`.

    Raises:
        InvalidSpecError: there is none, or more than one.
    """
    keys = [key for key, value in spec.items() if value is not None]
    if len(keys) != 1:
        raise InvalidSpecError(
            f"store error for {store_name}: secret stores must only have exactly one backend specified, found {len(keys)}"
        )
    return keys[0]


class ProviderRegistry:
    """Finds providers by key and keeps those that were used.

    Args:
        table: key -> `module:Class`; None for the built-in ones and the installed entry points. A key of a table wins over an
            entry point of the same name.
    """

    def __init__(self, table: Mapping[str, str] | None = None) -> None:
        self._table = dict(table) if table is not None else _default_table()
        self._loaded: dict[str, Provider[Any]] = {}
        self._loading = threading.Lock()

    def __contains__(self, key: object) -> bool:
        return key in self._table

    def keys(self) -> frozenset[str]:
        """Every key a store may use."""
        return frozenset(self._table)

    def add(self, provider: Provider[Any], *, force: bool = False) -> None:
        """Make a provider known under its name.

        Args:
            provider: the provider.
            force: replace one of the same name.

        Raises:
            ValueError: the name is taken and `force` is False.
        """
        if provider.name in self._table and not force:
            raise ValueError(f"a provider named {provider.name} is registered already")
        self._table[provider.name] = f"{type(provider).__module__}:{type(provider).__qualname__}"
        self._loaded[provider.name] = provider

    def get(self, key: str, store_name: str = "") -> Provider[Any]:
        """The provider for a key, imported now if it was not used before.

        Raises:
            InvalidSpecError: no such provider.
            ProviderNotAvailableError: it, or the SDK it needs, is not installed.
        """
        found = self._loaded.get(key)
        if found is not None:
            return found
        path = self._table.get(key)
        if path is None:
            raise InvalidSpecError(f"failed to find registered store backend for type: {key}, name: {store_name}")
        with self._loading:
            return self._loaded.get(key) or self._loaded.setdefault(key, _load(key, path))

    async def load(self, spec: Mapping[str, Any], store_name: str) -> None:
        """Import the provider of a store in a thread, unless it was used before: an SDK takes up to a second.

        Args:
            spec: `spec.provider` as it stands in the object.
            store_name: for the messages.

        Raises:
            InvalidSpecError, ProviderNotAvailableError: as `resolve`.
        """
        key = provider_key(spec, store_name)
        if key not in self._loaded:
            await asyncio.to_thread(self.get, key, store_name)

    def maintenance(self, key: str, store_name: str = "") -> Maintenance:
        """How well the provider is kept; known without importing the bundled ones.

        Raises:
            InvalidSpecError: no such provider.
        """
        if key in self._loaded:
            return self._loaded[key].maintenance
        if key in PROVIDERS and self._table.get(key) == _path(key):
            return Maintenance.NOT_MAINTAINED if key in _NOT_MAINTAINED else Maintenance.MAINTAINED
        return self.get(key, store_name).maintenance

    def batches(self, key: str) -> bool:
        """Whether the provider reads many keys in one call; known without importing the bundled ones, no for an unknown one."""
        if key in self._loaded:
            return self._loaded[key].batches
        return key in _BATCHING and self._table.get(key) == _path(key)

    def resolve(self, spec: Mapping[str, Any], store_name: str) -> tuple[Provider[Any], BaseModel]:
        """The provider of a store and its parsed configuration.

        Args:
            spec: `spec.provider` as it stands in the object.
            store_name: for the messages.

        Raises:
            InvalidSpecError: not exactly one key, an unknown key, or a configuration that does not fit the model.
            ProviderNotAvailableError: the provider, or the SDK it needs, is not installed.
        """
        key = provider_key(spec, store_name)
        provider = self.get(key, store_name)
        try:
            return provider, provider.spec_type.model_validate(spec[key])
        except ValidationError as err:
            raise InvalidSpecError(f"spec.provider.{key}: {invalid_fields(err)}") from None


def invalid_fields(err: ValidationError) -> str:
    """Which fields do not fit their model and why, without the values."""
    return "; ".join(
        f"{'.'.join(map(str, error['loc'])) or 'value'}: {error['msg']}"
        for error in err.errors(include_url=False, include_context=False, include_input=False)
    )


def _path(key: str) -> str:
    return f"eso.providers.{key.lower()}.provider:{PROVIDERS[key]}"


def _default_table() -> dict[str, str]:
    table = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    return {**table, **{key: _path(key) for key in PROVIDERS}}


def _load(key: str, path: str) -> Provider[Any]:
    module_name, _, class_name = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as err:
        # What an SDK runs while it is imported may raise anything, as OSError where its native library is unusable.
        raise ProviderNotAvailableError(
            f"the provider {key} is not available: {_problem(key, module_name, err)}"
        ) from err
    kind = getattr(module, class_name, None)
    if not (isinstance(kind, type) and issubclass(kind, Provider)):
        raise ProviderNotAvailableError(f"the provider {key} is not available: {path} is not a Provider")
    return kind()


def _problem(key: str, module_name: str, err: Exception) -> str:
    """Why a provider cannot be imported, and what helps."""
    missing = err.name if isinstance(err, ModuleNotFoundError) else None
    sdk = key in EXTRAS and not _is_part(missing, module_name)
    if missing is not None:
        fix = f'install it with: pip install "eso[{EXTRAS[key]}]"' if sdk else "install the package that carries it"
        return f"{missing} is not installed; {fix}"
    fix = f'install its SDK anew with: pip install --force-reinstall "eso[{EXTRAS[key]}]"' if sdk else "install it anew"
    return f"its module cannot be loaded ({type(err).__name__}: {scrub(str(err))}); {fix}"


def _is_part(name: str | None, module_name: str) -> bool:
    return name is not None and (module_name == name or module_name.startswith(f"{name}."))
