"""Discovery: which groups, versions and resources there are, in the legacy and in the aggregated form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reconcile.testing.apiserver.registry import Registry
from reconcile.testing.apiserver.requests import ApiRequest, ApiResponse, json_response
from reconcile.testing.apiserver.resources import ResourceInfo
from reconcile.testing.apiserver.shapes import accepted_types

__all__ = ["KUBERNETES_VERSION", "REVIEWS", "discover", "version_info"]

KUBERNETES_VERSION = "v1.36.3"

# Resources that are only asked, never stored: group, version, plural, kind, namespaced.
REVIEWS: tuple[tuple[str, str, str, str, bool], ...] = (
    ("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", False),
    ("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", False),
    ("authorization.k8s.io", "v1", "localsubjectaccessreviews", "LocalSubjectAccessReview", True),
    ("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False),
    ("authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", False),
    ("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", False),
)

_SUBRESOURCE_KINDS = {"scale": ("autoscaling", "v1", "Scale"), "token": ("authentication.k8s.io", "v1", "TokenRequest")}
_SUBRESOURCE_VERBS = {"token": ["create"], "finalize": ["update"]}
_CREATE_ONLY = ("create",)

Entry = dict[str, Any]


def version_info() -> dict[str, str]:
    """The answer to `/version`."""
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
    return {
        "major": major,
        "minor": minor,
        "gitVersion": KUBERNETES_VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "go1.26",
        "compiler": "gc",
        "platform": "linux/amd64",
    }


def _served(registry: Registry) -> list[ResourceInfo]:
    reviews = [
        ResourceInfo(group, version, plural, kind, kind.lower(), namespaced, verbs=_CREATE_ONLY)
        for group, version, plural, kind, namespaced in REVIEWS
    ]
    return [*registry, *reviews]


def _subresource_kind(info: ResourceInfo, name: str) -> tuple[str, str, str]:
    return _SUBRESOURCE_KINDS.get(name, (info.group, info.version, info.kind))


def _subresource_verbs(name: str) -> list[str]:
    return _SUBRESOURCE_VERBS.get(name, ["get", "patch", "update"])


def _legacy_resources(infos: Iterable[ResourceInfo]) -> list[Entry]:
    found: list[Entry] = []
    for info in infos:
        entry: Entry = {
            "name": info.plural,
            "singularName": info.singular,
            "namespaced": info.namespaced,
            "kind": info.kind,
            "verbs": list(info.verbs),
        }
        if info.short_names:
            entry["shortNames"] = list(info.short_names)
        if info.categories:
            entry["categories"] = list(info.categories)
        found.append(entry)
        for name in info.subresources:
            group, version, kind = _subresource_kind(info, name)
            sub: Entry = {"name": f"{info.plural}/{name}", "singularName": "", "namespaced": info.namespaced}
            if (group, version) != (info.group, info.version):
                sub |= {"group": group, "version": version}
            found.append({**sub, "kind": kind, "verbs": _subresource_verbs(name)})
    return found


def _aggregated_resource(info: ResourceInfo) -> Entry:
    entry: Entry = {
        "resource": info.plural,
        "responseKind": {"group": info.group, "version": info.version, "kind": info.kind},
        "scope": "Namespaced" if info.namespaced else "Cluster",
        "singularResource": info.singular,
        "verbs": list(info.verbs),
    }
    if info.short_names:
        entry["shortNames"] = list(info.short_names)
    if info.categories:
        entry["categories"] = list(info.categories)
    subresources = []
    for name in info.subresources:
        group, version, kind = _subresource_kind(info, name)
        response = {"group": group, "version": version, "kind": kind}
        subresources.append({"subresource": name, "responseKind": response, "verbs": _subresource_verbs(name)})
    if subresources:
        entry["subresources"] = subresources
    return entry


def _version_rank(version: str) -> tuple[int, int, int]:
    """Stable before beta before alpha, higher numbers first."""
    digits, stage, minor = version.removeprefix("v"), 2, 0
    for rank, word in ((1, "beta"), (0, "alpha")):
        if word in digits:
            digits, _, rest = digits.partition(word)
            stage, minor = rank, int(rest or 0)
    return (-stage, -int(digits) if digits.isdigit() else 0, -minor)


def _groups(infos: Iterable[ResourceInfo]) -> dict[str, list[str]]:
    groups: dict[str, set[str]] = {}
    for info in infos:
        groups.setdefault(info.group, set()).add(info.version)
    return {group: sorted(versions, key=_version_rank) for group, versions in groups.items()}


def _group_entry(group: str, versions: list[str]) -> Entry:
    listed = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"name": group, "versions": listed, "preferredVersion": listed[0]}


def _aggregated(infos: list[ResourceInfo], *, core: bool) -> Entry:
    items = []
    for group, versions in _groups(infos).items():
        if (group == "") != core:
            continue
        listed = [
            {
                "version": version,
                "resources": [_aggregated_resource(i) for i in infos if (i.group, i.version) == (group, version)],
                "freshness": "Current",
            }
            for version in versions
        ]
        metadata = {"name": group} if group else {}
        items.append({"metadata": metadata, "versions": listed})
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _wants_aggregated(accept: str) -> bool:
    return any(
        parameters.get("as") == "APIGroupDiscoveryList" and parameters.get("v") == "v2"
        for _, parameters in accepted_types(accept)
    )


def discover(request: ApiRequest, registry: Registry) -> ApiResponse | None:
    """The answer for a discovery path, None when the path is not one or names nothing served."""
    parts = request.path.strip("/").split("/")
    infos = _served(registry)
    if parts in (["api"], ["apis"]):
        core = parts == ["api"]
        if _wants_aggregated(request.accept):
            response = json_response(_aggregated(infos, core=core))
            response.headers["Content-Type"] = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
            return response
        if core:
            addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": request.headers.get("host", "")}]
            return json_response({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses})
        groups = [_group_entry(group, versions) for group, versions in _groups(infos).items() if group]
        return json_response({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
    if len(parts) == 2 and parts[0] == "apis":
        versions = _groups(infos).get(parts[1])
        if not versions:
            return None
        return json_response({"kind": "APIGroup", "apiVersion": "v1", **_group_entry(parts[1], versions)})
    if (len(parts), parts[0]) in ((2, "api"), (3, "apis")):
        group, version = ("", parts[1]) if parts[0] == "api" else (parts[1], parts[2])
        chosen = [info for info in infos if (info.group, info.version) == (group, version)]
        if not chosen:
            return None
        group_version = f"{group}/{version}" if group else version
        resources = _legacy_resources(chosen)
        head = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version}
        return json_response({**head, "resources": resources})
    return None
