"""MFA: a time-based one-time password."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from eso.api.generators_v1alpha1.resource import generator_resource
from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import KubeObject, Model, Resource

__all__ = ["MFA", "MFASpec"]


class MFASpec(Model):
    """The seed and the parameters of the code.

    Attributes:
        length: digits of the code.
        time_period: seconds a code is valid.
        when: the time to make a code for, instead of now.
    """

    secret: SecretKeySelector
    length: int | None = None
    time_period: int | None = None
    algorithm: str | None = None
    when: datetime | None = None


class MFA(KubeObject):
    """A time-based one-time password (RFC 6238)."""

    resource: ClassVar[Resource] = generator_resource("MFA", "mfas")

    spec: MFASpec | None = None
