"""`eso doctor`: what is wrong with an installation, and how to mend it."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Sequence

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.cli.crds import KINDS
from eso.cli.findings import Finding, report
from eso.cli.rbac import CONTROLLER_RULES, METRICS_AUTH_RULES
from eso.controllers.conditions import find
from reconcile.api.admissionregistration_v1 import ValidatingWebhookConfiguration
from reconcile.api.apiextensions_v1 import CustomResourceDefinition
from reconcile.api.discovery_v1 import EndpointSlice
from reconcile.api.model import KubeObject
from reconcile.client.client import Client
from reconcile.client.surroundings import load_config
from reconcile.errors import ConfigError, ReconcileError

__all__ = ["examine", "main", "parser"]

_STATEFUL: tuple[type[KubeObject], ...] = (ClusterSecretStore, SecretStore, ExternalSecret, PushSecret)
_REVIEW = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


def parser() -> argparse.ArgumentParser:
    """Its flags."""
    flags = argparse.ArgumentParser(prog="eso doctor", description=__doc__)
    flags.add_argument("--kubeconfig", help="as of kubectl")
    flags.add_argument("--context", help="as of kubectl")
    flags.add_argument(
        "--service-account",
        metavar="NAMESPACE/NAME",
        help="check the permissions of this account, the operator's",
    )
    return flags


def main(arguments: Sequence[str]) -> int:
    """Print the findings; 1 when something is wrong."""
    options = parser().parse_args(list(arguments))
    try:
        config = load_config(options.kubeconfig, options.context)
    except ConfigError as err:
        return report([Finding(False, str(err), "set KUBECONFIG or give --kubeconfig")], sys.stdout)

    async def run() -> int:
        async with Client(config) as client:
            return report([finding async for finding in examine(client, options.service_account or "")], sys.stdout)

    return asyncio.run(run())


async def examine(client: Client, service_account: str = "") -> AsyncIterator[Finding]:
    """Look at everything, one thing after the other; what cannot be read is a finding too.

    Args:
        client: of the cluster.
        service_account: `namespace/name` of the operator's account; empty leaves permissions out.
    """
    try:
        version = (await client.raw("GET", "/version")).get("gitVersion", "?")
    except ReconcileError as err:
        yield Finding(False, f"the API server cannot be reached: {err}", "check the kubeconfig and the network")
        return
    yield Finding(True, f"API server {version}")
    for check in (_definitions, _webhooks, _objects):
        try:
            async for finding in check(client):
                yield finding
        except ReconcileError as err:
            yield Finding(False, f"{check.__name__.strip('_')} cannot be read: {err}", "check your own permissions")
    if service_account:
        async for finding in _permissions(client, service_account):
            yield finding


async def _definitions(client: Client) -> AsyncIterator[Finding]:
    present = {crd.name: crd for crd in await client.list(CustomResourceDefinition)}
    missing = [kind.resource.name for kind in KINDS if kind.resource.name not in present]
    if missing:
        hint = "apply config/crd/bases with kubectl apply --server-side, or let the Helm chart install them"
        yield Finding(False, f"CustomResourceDefinitions are missing: {', '.join(missing)}", hint)
    else:
        yield Finding(True, f"all {len(KINDS)} CustomResourceDefinitions are installed")
    for kind in KINDS:
        crd = present.get(kind.resource.name)
        served = [entry.name for entry in crd.spec.versions if entry.served] if crd is not None else []
        if crd is not None and kind.resource.version not in served:
            yield Finding(
                False,
                f"{kind.resource.name} does not serve {kind.resource.version}",
                "its CustomResourceDefinition is of another release; apply this one's",
            )


async def _webhooks(client: Client) -> AsyncIterator[Finding]:
    selector = "external-secrets.io/component=webhook"
    found = await client.list(ValidatingWebhookConfiguration, label_selector=selector)
    if not len(found):
        yield Finding(True, "no admission webhook: the controllers apply the same rules")
    for configuration in found:
        for webhook in configuration.webhooks:
            service = webhook.client_config.service
            if not webhook.client_config.ca_bundle:
                yield Finding(
                    False,
                    f"webhook {webhook.name} has no caBundle: every write of its kinds fails",
                    "see the log of the certificate controller, or of cert-manager",
                )
            elif service is not None and not await _has_endpoints(client, service.namespace, service.name):
                yield Finding(
                    False,
                    f"webhook {webhook.name}: Service {service.namespace}/{service.name} has no ready endpoint",
                    "see why the webhook's Pods are not ready",
                )
            else:
                yield Finding(True, f"webhook {webhook.name} is served")


async def _has_endpoints(client: Client, namespace: str, name: str) -> bool:
    slices = await client.list(EndpointSlice, namespace, label_selector=f"kubernetes.io/service-name={name}")
    return any(endpoint.conditions.ready is not False for one in slices for endpoint in one.endpoints)


async def _objects(client: Client) -> AsyncIterator[Finding]:
    for kind in _STATEFUL:
        ready = 0
        for obj in await client.list(kind):
            condition = find(getattr(getattr(obj, "status", None), "conditions", None))
            if condition is not None and condition.status == "True":
                ready += 1
                continue
            where = (
                f"{kind.resource.kind} {obj.namespace}/{obj.name}"
                if obj.namespace
                else f"{kind.resource.kind} {obj.name}"
            )
            if condition is None:
                hint = "is the operator running, and is this object of its controller class?"
                yield Finding(False, f"{where} has never been looked at", hint)
            else:
                yield Finding(False, f"{where}: {condition.reason}", condition.message)
        yield Finding(True, f"{ready} {kind.resource.plural} are Ready")


async def _permissions(client: Client, account: str) -> AsyncIterator[Finding]:
    namespace, _, name = account.partition("/")
    if not name:
        yield Finding(False, f"{account} is no service account", "write NAMESPACE/NAME")
        return
    user = f"system:serviceaccount:{namespace}:{name}"
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    denied = []
    for rule in CONTROLLER_RULES:
        if rule in METRICS_AUTH_RULES or rule.when == "genericTargets.enabled":
            continue  # only needed with flags that are off by default
        for resource in rule.resources:
            for verb in rule.verbs:
                plural, _, subresource = resource.partition("/")
                attributes = {"group": rule.group, "resource": plural, "subresource": subresource, "verb": verb}
                spec = {"user": user, "groups": groups, "resourceAttributes": attributes}
                body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
                answer = await client.raw("POST", _REVIEW, body=body)
                if not (answer.get("status") or {}).get("allowed"):
                    denied.append(f"{verb} {resource}" + (f".{rule.group}" if rule.group else ""))
    if denied:
        hint = "apply config/rbac, or see rbac and process* in the Helm values"
        yield Finding(False, f"{user} may not: {', '.join(denied)}", hint)
    else:
        yield Finding(True, f"{user} has every permission")
