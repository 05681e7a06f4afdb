"""The contract and the faults that every provider is checked for, of `secretserver`.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from eso.providers.secretserver.provider import SecretServerProvider
from eso.providers.testing import CHECKS, FAULTS, Subject, run_check, run_fault
from reconcile.api.core_v1 import Namespace, Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer
from tests.support.faultbench import connector, trusting
from tests.support.gate import Gate
from tests.support.vendors.secretserver import PASSWORD, SecretServer, item, secret
from tests.support.vendors.tokenserver import serving

DOCUMENT = '{"user":"ann","password":"canary-value"}'
WHOLE = (
    '{"Name":"db","FolderID":1,"ID":7,"SiteID":1,"SecretTemplateID":100,"LauncherConnectAsSecretID":0,'
    '"CheckOutIntervalMinutes":0,"Active":true,"CheckedOut":false,"CheckOutEnabled":false,"AutoChangeEnabled":false,'
    '"CheckOutChangePasswordEnabled":false,"DelayIndexing":false,"EnableInheritPermissions":false,'
    '"EnableInheritSecretPolicy":false,"ProxyEnabled":false,"RequiresComment":false,"SessionRecordingEnabled":false,'
    '"WebLauncherRequiresIncognitoMode":false,"Items":[{"ItemID":0,"FieldID":0,"FileAttachmentID":0,"FieldName":"Data",'
    '"Slug":"data","FieldDescription":"","Filename":"","ItemValue":'
    r'"{\"user\":\"ann\",\"password\":\"canary-value\"}","IsFile":false,"IsNotes":false,"IsPassword":false}]}'
)
_NOT_MISSING = "a secret that is not there is a plain error, so that nothing is deleted"
UPSTREAM = {
    "misses absent secrets": _NOT_MISSING,
    "extracts": _NOT_MISSING,
    "serves many at once": _NOT_MISSING,
    "writes as claimed": "a new secret needs a folder and a template, which the check has no metadata for",
}


@asynccontextmanager
async def _signed_out(server: SecretServer, password: str) -> AsyncIterator[None]:
    """Tokens are no longer valid, and from now on this is the password."""
    before = server.password
    server.password = password
    server.tokens.clear()
    try:
        yield
    finally:
        server.password = before


@asynccontextmanager
async def backend(fault: str = "") -> AsyncIterator[Subject]:
    vendor = SecretServer(secrets={7: secret("db", item("data", DOCUMENT))})
    provider = SecretServerProvider()
    async with (
        serving(vendor),
        Gate(vendor.url, "canary-value") as gate,
        ApiServer(listen=False) as server,
        Client(server.transport) as kube,
    ):
        await kube.create(Namespace(metadata=ObjectMeta(name="app")))
        data = {"password": PASSWORD.encode()}
        await kube.create(Secret(metadata=ObjectMeta(name="delinea", namespace="app"), data=data))
        spec = {
            "serverURL": gate.url,
            "caBundle": trusting(gate.ca),
            "username": {"value": "reader"},
            "password": {"secretRef": {"name": "delinea", "key": "password"}},
        }
        async with connector(provider, spec, kube, fault) as connect:
            yield Subject(
                provider,
                connect,
                key="db",
                value=WHOLE.encode(),
                property_name="password",
                property_value=b"canary-value",
                missing="none",
                credentials=[b"canary"],
                failures={
                    **gate.failures,
                    "expired token": partial(_signed_out, vendor, vendor.password),
                    "rotated credentials": partial(_signed_out, vendor, "another"),
                },
            )


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in UPSTREAM])
async def test_contract(check: str) -> None:
    async with backend() as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str) -> None:
    async with backend(fault) as subject:
        await run_fault(fault, subject)
