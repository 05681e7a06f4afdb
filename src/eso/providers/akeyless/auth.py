"""Signing in at Akeyless: what a store or its surroundings hold becomes the body of the command `auth`."""

from __future__ import annotations

import base64
import importlib
from typing import Any, Final

from eso.api.meta_v1 import SecretKeySelector, ServiceAccountSelector
from eso.errors import InvalidSpecError, ProviderNotAvailableError, ReferenceNotFoundError
from eso.providers.akeyless.azure import azure_token
from eso.providers.akeyless.google import google_identity
from eso.providers.akeyless.spec import AkeylessAuth, AkeylessAuthSecretRef, AkeylessKubernetesAuth
from eso.providers.akeyless.surroundings import Surroundings
from eso.providers.base import StoreContext
from eso.values import SecretValue

__all__ = ["SignIn"]

_SECONDS: Final = 600.0
"""That the token of a ServiceAccount lives."""

_KEY: Final = "token"
_AUDIENCE: Final = "akeyless.io"
_BY_KEY: Final = ("api_key", "access_key")


class SignIn:
    """What a store signs in with; credentials are read when they are needed.

    Args:
        auth: of the store.
        context: resolves references.
        around: where the operator runs.
    """

    def __init__(self, auth: AkeylessAuth, context: StoreContext, around: Surroundings) -> None:
        self._auth = auth
        self._context = context
        self._around = around
        self._http = context.http()
        self._aws: Any = None

    async def body(self) -> dict[str, str]:
        """The parameters of `auth`.

        Raises:
            InvalidSpecError: the store is incomplete, or names no access type that there is.
            EsoError: a reference cannot be resolved, or a cloud does not prove who the operator is.
        """
        if self._auth.kubernetes_auth is not None:
            return await self._by_kubernetes(self._auth.kubernetes_auth)
        refs = self._auth.secret_ref or AkeylessAuthSecretRef()
        access_id = await self._needed(refs.access_id, "accessID")
        kind = await self._needed(refs.access_type, "accessType")
        param = refs.access_type_param
        parameter = (await self._context.resolve(param)).reveal_text() if param is not None and param.name else ""
        if kind in _BY_KEY:
            if not parameter:
                raise InvalidSpecError(
                    "authSecretRef.secretRef.accessTypeParam must point to the access key for access type access_key"
                )
            return {"access-id": access_id, "access-type": "access_key", "access-key": parameter}
        return {"access-id": access_id, "access-type": kind, "cloud-id": await self._cloud_id(kind, parameter)}

    async def _by_kubernetes(self, auth: AkeylessKubernetesAuth) -> dict[str, str]:
        if auth.service_account_ref is not None:
            token = await self._legacy_token(auth.service_account_ref)
            if token is None:
                token = await self._context.service_account_token(auth.service_account_ref, (), _SECONDS)
        elif auth.secret_ref is not None:
            ref = auth.secret_ref
            token = await self._context.resolve(ref if ref.key else ref.model_copy(update={"key": _KEY}))
        else:
            raise InvalidSpecError("authSecretRef.kubernetesAuth needs serviceAccountRef or secretRef")
        return {
            "access-id": auth.access_id,
            "access-type": "k8s",
            "k8s-auth-config-name": auth.k8s_conf_name,
            "k8s-service-account-token": base64.b64encode(token.reveal()).decode(),
        }

    async def _legacy_token(self, account: ServiceAccountSelector) -> SecretValue | None:
        """The token that clusters before 1.24 made for each ServiceAccount; None where there is none."""
        for name in await self._context.service_account_secrets(account):
            try:
                token = await self._context.resolve(SecretKeySelector(name=name, key=_KEY, namespace=account.namespace))
            except ReferenceNotFoundError:
                continue
            if token:
                return token
        return None

    async def _cloud_id(self, kind: str, parameter: str) -> str:
        if kind == "aws_iam":
            if self._aws is None:
                self._aws = _aws().AWSProof(self._around, self._context)
            proof = await self._aws.signed()
        elif kind == "gcp":
            proof = await google_identity(self._around, self._http, parameter or _AUDIENCE)
        elif kind == "azure_ad":
            account = self._auth.service_account_ref
            proof = await azure_token(self._around, self._http, self._context, account, parameter)
        elif kind == "k8s":
            raise InvalidSpecError("access type k8s needs authSecretRef.kubernetesAuth")
        else:
            # What it is instead is the content of a Secret.
            raise InvalidSpecError(
                "authSecretRef.secretRef.accessType must point to one of api_key, access_key, aws_iam, azure_ad and gcp"
            )
        return base64.b64encode(proof.encode()).decode()

    async def _needed(self, ref: SecretKeySelector | None, field: str) -> str:
        if ref is None:
            raise InvalidSpecError(f"authSecretRef.secretRef.{field} is missing")
        text = (await self._context.resolve(ref)).reveal_text()
        if not text:
            raise InvalidSpecError(f"authSecretRef.secretRef.{field} points to an empty value")
        return text


def _aws() -> Any:
    try:
        return importlib.import_module("eso.providers.akeyless.aws")
    except ImportError as err:
        raise ProviderNotAvailableError(
            'signing in to Akeyless by AWS is not available: install it with: pip install "eso[aws]"'
        ) from err
