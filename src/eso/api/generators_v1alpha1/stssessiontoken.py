"""STSSessionToken: temporary AWS credentials."""

from __future__ import annotations

from typing import ClassVar

from eso.api.generators_v1alpha1.resource import generator_resource
from eso.api.identity_v1 import AWSAuth
from eso.api.meta_v1 import Int32
from reconcile.api.model import KubeObject, Model, Resource

__all__ = ["RequestParameters", "STSSessionToken", "STSSessionTokenSpec"]


class RequestParameters(Model):
    """Lifetime of the session in seconds, and the MFA device with its code."""

    session_duration: Int32 | None = None
    serial_number: str | None = None
    token_code: str | None = None


class STSSessionTokenSpec(Model):
    """Region and identity the session is made for."""

    region: str
    auth: AWSAuth | None = None
    role: str | None = None
    request_parameters: RequestParameters | None = None


class STSSessionToken(KubeObject):
    """Temporary credentials of AWS STS."""

    resource: ClassVar[Resource] = generator_resource("STSSessionToken", "stssessiontokens")

    spec: STSSessionTokenSpec | None = None
