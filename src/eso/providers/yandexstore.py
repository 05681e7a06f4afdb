"""The fields that stores of Yandex Cloud's services have in common."""

from __future__ import annotations

from typing import Protocol

from eso.api.identity_v1 import YandexAuth, YandexCAProvider, YandexFetchingPolicy
from eso.errors import InvalidSpecError
from eso.providers.common import check_strict

__all__ = ["YandexStore", "check_store", "folder_of"]


class YandexStore(Protocol):
    """The fields of a store of Yandex Cloud."""

    @property
    def auth(self) -> YandexAuth:
        """Whose key signs in."""

    @property
    def api_endpoint(self) -> str | None:
        """Host and port that know where the services are."""

    @property
    def ca_provider(self) -> YandexCAProvider | None:
        """Roots in place of the system's."""

    @property
    def fetching(self) -> YandexFetchingPolicy | None:
        """What keys are."""


def check_store(spec: YandexStore, title: str, *, store_kind: str, store_namespace: str) -> None:
    """What keys are, and where references point.

    Raises:
        InvalidSpecError: the message names the field.
    """
    policy = spec.fetching
    if policy is not None:
        if policy.by_name is not None and not policy.by_name.folder_id:
            raise InvalidSpecError("folderID is required when fetching policy is 'byName'")
        if policy.by_name is None and policy.by_id is None:
            raise InvalidSpecError(f"invalid {title} SecretStore: requires either 'byName' or 'byID' policy")
    key = spec.auth.authorized_key_secret_ref
    if key is not None and key.name:
        check_strict(key, store_kind=store_kind, store_namespace=store_namespace)
    if spec.ca_provider is not None:
        check_strict(spec.ca_provider.cert_secret_ref, store_kind=store_kind, store_namespace=store_namespace)


def folder_of(spec: YandexStore) -> str:
    """The folder in which keys are names; empty where keys are ids."""
    by_name = spec.fetching.by_name if spec.fetching is not None else None
    return by_name.folder_id if by_name is not None else ""
