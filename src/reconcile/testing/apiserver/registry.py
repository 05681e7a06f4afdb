"""Which resources are served now: the built-in ones and those that CustomResourceDefinitions add."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconcile.testing.apiserver.resources import BUILTINS, ResourceInfo

__all__ = ["Registry", "crd_infos"]


def crd_infos(crd: Mapping[str, Any]) -> list[ResourceInfo]:
    """One description per served version of a CustomResourceDefinition."""
    spec = crd["spec"]
    names = (crd.get("status") or {}).get("acceptedNames") or spec["names"]
    storage = next((version["name"] for version in spec["versions"] if version.get("storage")), "")
    return [_crd_info(spec, names, version, storage) for version in spec["versions"] if version.get("served")]


def _crd_info(
    spec: Mapping[str, Any], names: Mapping[str, Any], version: Mapping[str, Any], storage: str
) -> ResourceInfo:
    group, plural = spec["group"], names["plural"]
    conversion = spec.get("conversion") or {}
    selectable = [entry["jsonPath"].lstrip(".") for entry in version.get("selectableFields") or []]
    return ResourceInfo(
        group=group,
        version=version["name"],
        plural=plural,
        kind=names["kind"],
        singular=names.get("singular") or names["kind"].lower(),
        namespaced=spec["scope"] == "Namespaced",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=tuple(sorted(version.get("subresources") or ())),
        list_kind=names.get("listKind") or f"{names['kind']}List",
        storage_key=f"{plural}.{group}",
        storage_version=f"{group}/{storage}",
        field_paths=tuple(selectable),
        has_generation=True,
        needs_version=True,
        crd=version,
        conversion=conversion.get("webhook") if conversion.get("strategy") == "Webhook" else None,
    )


class Registry:
    """Resources by group, version and plural."""

    def __init__(self) -> None:
        self._infos: dict[tuple[str, str, str], ResourceInfo] = {}
        self._crds: dict[str, list[ResourceInfo]] = {}
        self.revision = 0
        for info in BUILTINS:
            self._infos[(info.group, info.version, info.plural)] = info

    def __iter__(self) -> Iterator[ResourceInfo]:
        return iter(list(self._infos.values()))

    def find(self, group: str, version: str, plural: str) -> ResourceInfo | None:
        """The resource, or None when it is not served."""
        return self._infos.get((group, version, plural))

    def builtin(self, plural: str) -> ResourceInfo:
        """A core or uniquely named built-in resource."""
        return next(info for info in BUILTINS if info.plural == plural)

    def by_kind(self, api_version: str, kind: str) -> ResourceInfo | None:
        """The resource of an object's apiVersion and kind; any version of the group will do."""
        group = api_version.rpartition("/")[0]
        same_kind = [info for info in self._infos.values() if info.kind == kind and info.group == group]
        return next(
            (info for info in same_kind if info.api_version == api_version), same_kind[0] if same_kind else None
        )

    def by_storage_key(self, key: str) -> ResourceInfo | None:
        """The resource under which objects are stored, in the storage version where that is served."""
        same = [info for info in self._infos.values() if info.storage_key == key]
        return next((info for info in same if info.api_version == info.storage_version), same[0] if same else None)

    def has_group_version(self, group: str, version: str) -> bool:
        """Whether any resource is served in it."""
        return any(known[:2] == (group, version) for known in self._infos)

    def set_crd(self, name: str, infos: list[ResourceInfo]) -> None:
        """Serve the versions of a CustomResourceDefinition in place of those it had."""
        self.remove_crd(name)
        self._crds[name] = infos
        for info in infos:
            self._infos[(info.group, info.version, info.plural)] = info
        self.revision += 1

    def remove_crd(self, name: str) -> None:
        """Stop serving a CustomResourceDefinition."""
        for info in self._crds.pop(name, ()):
            self._infos.pop((info.group, info.version, info.plural), None)
        self.revision += 1
