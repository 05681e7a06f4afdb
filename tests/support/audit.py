"""What service accounts asked a real API server for, from its audit log, beside what RBAC rules allow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = ["Audit", "Permission", "granted"]

_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}],
}


@dataclass(frozen=True, order=True)
class Permission:
    """One verb on one resource, `resource/subresource` for a part of it."""

    group: str
    resource: str
    verb: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}" + (f".{self.group}" if self.group else "")


@dataclass(frozen=True)
class Audit:
    """An audit log that is being written.

    Attributes:
        folder: of the policy and the log.
    """

    folder: Path

    @property
    def flags(self) -> tuple[str, ...]:
        """What turns it on at the API server."""
        policy = self.folder / "audit-policy.yaml"
        policy.write_text(yaml.safe_dump(_POLICY))
        return (
            f"--audit-policy-file={policy}",
            f"--audit-log-path={self._log}",
            "--audit-log-mode=blocking-strict",
        )

    @property
    def _log(self) -> Path:
        return self.folder / "audit.log"

    def _entries(self, user: str) -> Iterator[dict[str, Any]]:
        for line in self._log.read_text().splitlines():
            entry: dict[str, Any] = json.loads(line)
            if entry["user"]["username"] == user:
                yield entry

    def used(self, account: str) -> set[Permission]:
        """What the account `namespace:name` has asked for, whatever the answer was."""
        found = set()
        for entry in self._entries(f"system:serviceaccount:{account}"):
            reference = entry.get("objectRef") or {}
            if "resource" in reference:
                found.add(_permission(entry["verb"], reference))
        return found

    def refused(self, account: str) -> set[str]:
        """What the API server has answered with 401 or 403 because the account may not do it."""
        refused = set()
        for entry in self._entries(f"system:serviceaccount:{account}"):
            # An admission webhook refuses with 403 too; RBAC says so in an annotation.
            forbidden = (entry.get("annotations") or {}).get("authorization.k8s.io/decision") == "forbid"
            if forbidden or (entry.get("responseStatus") or {}).get("code") == 401:
                refused.add(f"{entry['verb']} {entry['requestURI']}")
        return refused


def _permission(verb: str, reference: Mapping[str, str]) -> Permission:
    resource, part = reference["resource"], reference.get("subresource")
    return Permission(reference.get("apiGroup", ""), f"{resource}/{part}" if part else resource, verb)


def granted(roles: Iterable[Mapping[str, Any]]) -> set[Permission]:
    """What the rules of Roles and ClusterRoles allow."""
    return {
        Permission(group, resource, verb)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
