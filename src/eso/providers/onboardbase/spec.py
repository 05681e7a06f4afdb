"""The configuration under `spec.provider.onboardbase` of a store."""

from __future__ import annotations

from typing import Annotated

from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model
from reconcile.schema import REQUIRED

__all__ = ["OnboardbaseAuthSecretRef", "OnboardbaseSpec"]


class OnboardbaseAuthSecretRef(Model):
    """API key and passcode, in a Secret."""

    api_key_ref: SecretKeySelector
    passcode_ref: SecretKeySelector


class OnboardbaseSpec(Model):
    """A project and environment, and the credentials for them."""

    auth: OnboardbaseAuthSecretRef
    api_host: Annotated[str, REQUIRED] = "https://public.onboardbase.com/api/v1/"
    environment: Annotated[str, REQUIRED] = "development"
    project: Annotated[str, REQUIRED] = "development"
