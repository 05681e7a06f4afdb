"""Finalizers, garbage collection, namespaces."""

from __future__ import annotations

from typing import Any

from tests.support.contract.api import CONFIG_MAPS, MERGE, SECRETS, Api, eventually
from tests.support.contract.widget import WIDGETS

_NAMESPACES = "/api/v1/namespaces"


def _owner(obj: Any, kind: str = "ConfigMap", version: str = "v1", **extra: Any) -> dict[str, Any]:
    metadata = obj["metadata"]
    return {"apiVersion": version, "kind": kind, "name": metadata["name"], "uid": metadata["uid"], **extra}


def _config(api: Api, name: str, **metadata: Any) -> Any:
    return api.ok("POST", CONFIG_MAPS, {"metadata": {"name": name, **metadata}})


def check_finalizer_holds_deletion(api: Api) -> None:
    api.secret("s", metadata={"finalizers": ["example.com/x"]})
    answer = api("DELETE", f"{SECRETS}/s")
    assert (answer.status, answer.body["kind"]) == (200, "Secret")
    assert answer.body["metadata"]["deletionTimestamp"]
    assert answer.body["metadata"]["deletionGracePeriodSeconds"] == 0
    assert api.ok("GET", f"{SECRETS}/s")["metadata"]["finalizers"] == ["example.com/x"]
    api.ok("PATCH", f"{SECRETS}/s", {"metadata": {"finalizers": None}}, content_type=MERGE)
    api.refused(404, "NotFound", "GET", f"{SECRETS}/s")


def check_deletion_bumps_generation(api: Api) -> None:
    api.widget("w", finalizers=["example.com/x"])
    assert api.ok("DELETE", f"{WIDGETS}/w")["metadata"]["generation"] == 2
    api.ok("PATCH", f"{WIDGETS}/w", {"metadata": {"finalizers": []}}, content_type=MERGE)


def check_no_new_finalizer_while_deleting(api: Api) -> None:
    api.secret("s", metadata={"finalizers": ["example.com/x"]})
    api.ok("DELETE", f"{SECRETS}/s")
    patch = {"metadata": {"finalizers": ["example.com/x", "example.com/y"]}}
    answer = api.refused(422, "Invalid", "PATCH", f"{SECRETS}/s", patch, content_type=MERGE)
    assert "no new finalizers can be added if the object is being deleted" in answer.message
    api.ok("PATCH", f"{SECRETS}/s", {"metadata": {"finalizers": None}}, content_type=MERGE)


def check_second_deletion_is_harmless(api: Api) -> None:
    api.secret("s", metadata={"finalizers": ["example.com/x"]})
    first = api.ok("DELETE", f"{SECRETS}/s")["metadata"]
    second = api.ok("DELETE", f"{SECRETS}/s")["metadata"]
    assert first["deletionTimestamp"] == second["deletionTimestamp"]
    api.ok("PATCH", f"{SECRETS}/s", {"metadata": {"finalizers": None}}, content_type=MERGE)


def check_owner_takes_dependents_along(api: Api) -> None:
    owner = _config(api, "owner")
    api.secret("s", metadata={"ownerReferences": [_owner(owner)]})
    api.ok("DELETE", f"{CONFIG_MAPS}/owner")
    eventually(lambda: api("GET", f"{SECRETS}/s").status == 404)


def check_custom_resource_as_owner(api: Api) -> None:
    owner = api.widget("owner")
    reference = _owner(owner, "Widget", "contract.example.com/v1", controller=True, blockOwnerDeletion=True)
    api.secret("s", metadata={"ownerReferences": [reference]})
    api.ok("DELETE", f"{WIDGETS}/owner")
    eventually(lambda: api("GET", f"{SECRETS}/s").status == 404)


def check_dependent_with_another_owner_stays(api: Api) -> None:
    one, two = _config(api, "one"), _config(api, "two")
    api.secret("s", metadata={"ownerReferences": [_owner(one), _owner(two)]})
    api.ok("DELETE", f"{CONFIG_MAPS}/one")

    def freed() -> bool:
        references = api.ok("GET", f"{SECRETS}/s")["metadata"]["ownerReferences"]
        return [reference["name"] for reference in references] == ["two"]

    eventually(freed)


def check_orphan(api: Api) -> None:
    owner = _config(api, "owner")
    api.secret("s", metadata={"ownerReferences": [_owner(owner)]})
    api.ok("DELETE", f"{CONFIG_MAPS}/owner", propagationPolicy="Orphan")
    eventually(lambda: api("GET", f"{CONFIG_MAPS}/owner").status == 404)
    eventually(lambda: not api.ok("GET", f"{SECRETS}/s")["metadata"].get("ownerReferences"))


def check_foreground(api: Api) -> None:
    owner = _config(api, "owner")
    reference = _owner(owner, blockOwnerDeletion=True)
    api.secret("s", metadata={"ownerReferences": [reference], "finalizers": ["example.com/x"]})
    api.ok("DELETE", f"{CONFIG_MAPS}/owner", propagationPolicy="Foreground")
    eventually(lambda: "deletionTimestamp" in api.ok("GET", f"{SECRETS}/s")["metadata"])
    assert api.ok("GET", f"{CONFIG_MAPS}/owner")["metadata"]["finalizers"] == ["foregroundDeletion"]
    api.ok("PATCH", f"{SECRETS}/s", {"metadata": {"finalizers": None}}, content_type=MERGE)
    eventually(lambda: api("GET", f"{CONFIG_MAPS}/owner").status == 404)


def check_absent_owner(api: Api) -> None:
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "00000000-0000-0000-0000-000000000001"}
    api.secret("s", metadata={"ownerReferences": [reference]})
    eventually(lambda: api("GET", f"{SECRETS}/s").status == 404)


def check_namespace_defaults(api: Api) -> None:
    namespace = api.ok("GET", f"{_NAMESPACES}/{api.ns}")
    assert namespace["metadata"]["labels"]["kubernetes.io/metadata.name"] == api.ns
    assert namespace["spec"]["finalizers"] == ["kubernetes"]
    assert namespace["status"]["phase"] == "Active"


def check_namespace_name(api: Api) -> None:
    answer = api.refused(422, "Invalid", "POST", _NAMESPACES, {"metadata": {"name": "a.b"}})
    assert answer.causes == [("metadata.name", 'Invalid value: "a.b": must not contain dots')]


def check_namespace_deletion(api: Api) -> None:
    name = f"{api.ns}-gone"
    api.ok("POST", _NAMESPACES, {"metadata": {"name": name}})
    path = f"{_NAMESPACES}/{name}/secrets"
    api.ok("POST", path, {"metadata": {"name": "s"}})
    api.ok("POST", path, {"metadata": {"name": "held", "finalizers": ["example.com/x"]}})
    answer = api.ok("DELETE", f"{_NAMESPACES}/{name}")
    assert answer["metadata"]["deletionTimestamp"]
    assert answer["status"]["phase"] == "Terminating"
    refused = api.refused(403, "Forbidden", "POST", path, {"metadata": {"name": "late"}})
    assert "because it is being terminated" in refused.message
    eventually(lambda: api("GET", f"{path}/s").status == 404, 60)
    eventually(lambda: "deletionTimestamp" in api.ok("GET", f"{path}/held")["metadata"], 60)
    api.ok("PATCH", f"{path}/held", {"metadata": {"finalizers": None}}, content_type=MERGE)
    eventually(lambda: api("GET", f"{_NAMESPACES}/{name}").status == 404, 60)


def check_default_namespaces(api: Api) -> None:
    names = {item["metadata"]["name"] for item in api.ok("GET", _NAMESPACES)["items"]}
    assert {"default", "kube-system", "kube-public"} <= names
