"""What is pushed: the source Secrets of a PushSecret, with its template applied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from eso.api.externalsecrets_v1.refs import GeneratorRef
from eso.api.externalsecrets_v1alpha1.pushsecret import PushSecret
from eso.controllers.templating import TemplateStep, fetch_steps, own_steps, render_steps
from eso.errors import EsoError, InvalidSpecError, ReferenceNotFoundError, UnavailableError
from eso.generators.generation import PUSH_SECRET_KEY
from eso.generators.resolve import GeneratorReferenceError
from eso.stores.credentials import CredentialReader
from eso.template.engine import Delims
from reconcile.api.core_v1 import Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.api.model import KubeObject
from reconcile.client.client import Client
from reconcile.client.selectors import selector_of
from reconcile.errors import APIError, TransportError

__all__ = ["Generation", "SourceMissingError", "Sources", "is_generated"]

_GENERATED: Final = "___generated-secret"
_WHERE: Final = "spec.template"


class Generation(Protocol):
    """Makes generated values, and keeps account of what they leave behind."""

    async def generate(self, owner: KubeObject, state_key: str, ref: GeneratorRef) -> Mapping[str, bytes]:
        """New values."""

    async def retire(self, owner: KubeObject, state_key: str) -> None:
        """There is no generator (any more) under that key."""

    async def commit(self, owner: KubeObject) -> None:
        """The values are in use."""

    async def roll_back(self, owner: KubeObject) -> None:
        """The values will not be used."""

    def hold(self, owner: KubeObject, seconds: float) -> None:
        """Some places have the values, others are still to get the same ones, for that long."""

    def keep(self, owner: KubeObject) -> None:
        """The values are in use beside older ones."""

    async def unused(self, owner: KubeObject) -> None:
        """No place has taken the values."""

    def forget(self, kind: str, namespace: str, name: str) -> None:
        """The object is gone."""


def is_generated(push: PushSecret) -> bool:
    """Whether a generator makes what is pushed; a Secret that is named goes first."""
    selector = push.spec.selector
    return selector.generator_ref is not None and not (selector.secret is not None and selector.secret.name)


class SourceMissingError(ReferenceNotFoundError):
    """The source Secret that is named does not exist."""


class Sources:
    """Finds source Secrets and applies templates.

    Args:
        client: of the API server; without a cache, so that what is pushed is never older than the event that asked for it.
        reader: reads the sources of `templateFrom`.
        generation: makes generated values.
        delims: of all templates of the process.
    """

    def __init__(self, client: Client, reader: CredentialReader, generation: Generation, delims: Delims) -> None:
        self._client = client
        self._reader = reader
        self._generation = generation
        self._delims = delims

    async def resolve(self, push: PushSecret) -> list[Secret]:
        """The source Secrets, ordered by name.

        Raises:
            SourceMissingError: the Secret that is named does not exist.
            EsoError, APIError, TransportError: the source cannot be had.
        """
        selector = push.spec.selector
        if selector.secret is not None and selector.secret.name:
            await self._generation.retire(push, PUSH_SECRET_KEY)
            return [await self._named(push.namespace, selector.secret.name)]
        if selector.generator_ref is not None:
            return [await self._generated(push, selector.generator_ref)]
        if selector.secret is not None and selector.secret.selector is not None:
            await self._generation.retire(push, PUSH_SECRET_KEY)
            try:
                labels = selector_of(selector.secret.selector)
            except ValueError as err:
                raise InvalidSpecError(f"spec.selector.secret.selector: {err}") from err
            found = await self._client.list(Secret, push.namespace, label_selector=str(labels))
            return sorted((secret for secret in found if not secret.metadata.deleting), key=lambda secret: secret.name)
        raise InvalidSpecError("no secret selector provided")

    async def _named(self, namespace: str, name: str) -> Secret:
        found = await self._client.find(Secret, name, namespace)
        if found is None:
            raise SourceMissingError(f'Secret "{name}" not found in namespace "{namespace}"')
        return found

    async def _generated(self, push: PushSecret, ref: GeneratorRef) -> Secret:
        try:
            data = await self._generation.generate(push, PUSH_SECRET_KEY, ref)
        except EsoError as err:
            # A generator's own failures, a credential that is missing among them, are told as those of a provider.
            resolving = isinstance(err, GeneratorReferenceError | ReferenceNotFoundError)
            what = "unable to resolve generator" if resolving else "unable to generate"
            text = f"could not resolve secret from generator ref {ref.kind}/{ref.name}: {what}: {err}"
            raise EsoError(text) from err
        return Secret(metadata=ObjectMeta(name=_GENERATED, namespace=push.namespace), data=dict(data))

    async def rendered(self, push: PushSecret, secrets: list[Secret]) -> list[Secret]:
        """The Secrets as they are pushed: with the template applied where there is one.

        Raises:
            EsoError: the template cannot be rendered, or one of its sources is missing.
        """
        template = push.spec.template
        if template is None:
            return secrets
        try:
            steps = await fetch_steps(self._reader, push.namespace, template.template_from or [], _WHERE)
        except (APIError, TransportError) as err:
            raise UnavailableError(f"error fetching templateFrom data: {err}") from err
        except EsoError as err:
            raise EsoError(f"error fetching templateFrom data: {err}") from err
        steps += own_steps(template, _WHERE)
        return [self._render(push, secret, steps) for secret in secrets]

    def _render(self, push: PushSecret, secret: Secret, steps: list[TemplateStep]) -> Secret:
        template = push.spec.template
        metadata = template.metadata if template is not None else None
        raw = secret.metadata.model_copy(
            update={
                "labels": {**secret.metadata.labels, **((metadata and metadata.labels) or {})},
                "annotations": {**secret.metadata.annotations, **((metadata and metadata.annotations) or {})},
            }
        )
        kind = (template.type if template is not None else None) or ""
        start = secret.model_copy(update={"metadata": raw, "type": kind})
        return render_steps(steps, secret.data, start, delims=self._delims)
