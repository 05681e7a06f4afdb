"""Validation of SecretStores and ClusterSecretStores."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.errors import InvalidSpecError, ProviderNotAvailableError
from eso.providers.base import Maintenance
from eso.providers.registry import ProviderRegistry, provider_key
from eso.transform.interval import parse_refresh_interval
from eso.transform.validation import namespace_regex_violations
from reconcile.webhook.admission import DeniedError

__all__ = ["StoreValidation"]

_MAINTENANCE_WARNINGS: Final = {
    Maintenance.NOT_MAINTAINED: "store {name} isn't currently maintained. Please plan and prepare accordingly.",
    Maintenance.DEPRECATED: (
        "store {name} is deprecated and will stop working on the next major version. Please plan and prepare accordingly."
    ),
}


class StoreValidation:
    """Checks a store without talking to its provider.

    Args:
        registry: where providers are found; the one a store names is imported, in a thread, when it is first asked.
    """

    def __init__(self, registry: ProviderRegistry) -> None:
        self._registry = registry

    async def validate(self, store: SecretStore | ClusterSecretStore) -> Sequence[str]:
        """Check a store; the first step that fails ends the check.

        Returns:
            Warnings of the provider, and one when the provider is not kept well.

        Raises:
            DeniedError: the store cannot work; the message names the field and the fix.
        """
        violations = namespace_regex_violations(store.spec.conditions)
        if violations:
            raise DeniedError("\n".join(violations))
        try:
            parse_refresh_interval(store.spec.refresh_interval)
            return await asyncio.to_thread(self._ask_provider, store)
        except (InvalidSpecError, ProviderNotAvailableError) as err:
            raise DeniedError(str(err)) from err

    def _ask_provider(self, store: SecretStore | ClusterSecretStore) -> Sequence[str]:
        provider, spec = self._registry.resolve(store.spec.provider, store.name)
        maintenance = self._registry.maintenance(provider_key(store.spec.provider, store.name), store.name)
        found = provider.validate_store(spec, store_kind=store.resource.kind, store_namespace=store.namespace)
        warning = _MAINTENANCE_WARNINGS.get(maintenance)
        return (*found, warning.format(name=store.name)) if warning else found
