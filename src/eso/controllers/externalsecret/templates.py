"""`target.template`: its sources fetched, its rules checked, its results written into the draft of the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1.template import ExternalSecretTemplate, TemplateFrom, TemplateRef
from eso.controllers.externalsecret.draft import Draft, Render
from eso.errors import EsoError, InvalidSpecError, ReferenceNotFoundError
from eso.stores.credentials import CredentialReader
from eso.template.apply import execute
from eso.template.engine import Delims
from eso.transform.validation import (
    privileged_template_violations,
    targets_a_secret,
    template_target_violations,
)
from reconcile.api.core_v1 import Secret
from reconcile.api.meta_v1 import ObjectMeta

__all__ = ["TemplateRenderer", "TemplateStep", "fetch_steps"]


@dataclass(frozen=True, slots=True)
class TemplateStep:
    """One call of the engine: templates by key, and where their results go."""

    templates: Mapping[str, str]
    scope: str
    target: str
    decoding: str = "None"
    where: str = ""


async def fetch_steps(reader: CredentialReader, namespace: str, sources: list[TemplateFrom]) -> list[TemplateStep]:
    """The steps of `templateFrom`, in order; within an entry configMap, secret, literal.

    Raises:
        EsoError: an object or a key is missing; the message names both.
    """
    steps: list[TemplateStep] = []
    for index, source in enumerate(sources):
        where = f"spec.target.template.templateFrom[{index}]"
        decoding = source.values_decoding_strategy or "None"
        if source.config_map is not None:
            found = await reader.config_map(namespace, source.config_map.name)
            steps += _items(source.config_map, "configmap", found.data, source.target, decoding, where)
        if source.secret is not None:
            data = (await reader.secret(namespace, source.secret.name)).data
            texts = {key: value.decode("utf-8", "surrogateescape") for key, value in data.items()}
            steps += _items(source.secret, "secret", texts, source.target, decoding, where)
        if source.literal is not None:
            literal = {source.literal: source.literal}
            steps.append(TemplateStep(literal, "KeysAndValues", source.target, decoding, f"{where}.literal"))
    return steps


def _items(
    ref: TemplateRef, kind: str, data: Mapping[str, str], target: str, decoding: str, where: str
) -> list[TemplateStep]:
    steps = []
    for item in ref.items:
        if item.key not in data:
            raise ReferenceNotFoundError(f"error in {kind} {ref.name}: missing key {item.key}")
        source = data[item.key]
        name = item.key if item.template_as == "Values" else source
        steps.append(TemplateStep({name: source}, item.template_as, target, decoding, where))
    return steps


class TemplateRenderer:
    """Prepares the rendering of templates.

    Args:
        reader: reads the sources of `templateFrom`.
        delims: of all templates of the process.
    """

    def __init__(self, reader: CredentialReader, delims: Delims) -> None:
        self._reader = reader
        self.delims = delims

    async def steps(self, es: ExternalSecret) -> list[TemplateStep] | None:
        """What has to be rendered, in order, with the sources fetched; None without a template.

        Raises:
            EsoError: the template is not allowed, or a source is missing.
        """
        template = es.spec.target.template
        if template is None:
            return None
        refused = privileged_template_violations(template)
        if targets_a_secret(es.spec.target):
            refused += template_target_violations(template)
        if refused:
            raise InvalidSpecError("could not apply template: " + "; ".join(refused))
        if template.engine_version != "v2":
            raise InvalidSpecError(
                f"could not apply template: unsupported template engine version: {template.engine_version}"
            )
        try:
            steps = await fetch_steps(self._reader, es.namespace, template.template_from or [])
        except EsoError as err:
            raise EsoError(f"could not apply template: error fetching templateFrom data: {err}") from err
        return steps + _own_steps(template)

    async def prepare(self, es: ExternalSecret, data: Mapping[str, bytes]) -> Render:
        """Fetch what the template needs; the result writes it into a draft of a Secret.

        Raises:
            EsoError: as `steps`.
        """
        steps = await self.steps(es) or []

        def render(draft: Draft) -> None:
            self._apply(steps, data, draft)

        return render

    def _apply(self, steps: list[TemplateStep], data: Mapping[str, bytes], draft: Draft) -> None:
        # The engine works on a typed Secret: its rules decide what a target may hold.
        secret = Secret(
            metadata=ObjectMeta(
                name=draft.metadata["name"],
                namespace=draft.metadata["namespace"],
                labels=draft.labels,
                annotations=draft.annotations,
            ),
            data=draft.data,
        )
        for step in steps:
            try:
                secret = execute(
                    step.templates,
                    data,
                    scope=step.scope,
                    target=step.target or "Data",
                    obj=secret,
                    decoding=step.decoding,
                    delims=self.delims,
                )
            except EsoError as err:
                kind = (
                    "error fetching templateFrom data" if "templateFrom" in step.where else "could not execute template"
                )
                raise InvalidSpecError(f"could not apply template: {kind}: {step.where}: {err}") from err
        draft.data = dict(secret.data)
        draft.metadata["labels"] = dict(secret.metadata.labels)
        draft.metadata["annotations"] = dict(secret.metadata.annotations)


def _own_steps(template: ExternalSecretTemplate) -> list[TemplateStep]:
    where = "spec.target.template"
    steps = [TemplateStep(template.data or {}, "Values", "Data", where=f"{where}.data")]
    if template.metadata is not None:
        labels, annotations = template.metadata.labels or {}, template.metadata.annotations or {}
        steps.append(TemplateStep(labels, "Values", "Labels", where=f"{where}.metadata.labels"))
        steps.append(TemplateStep(annotations, "Values", "Annotations", where=f"{where}.metadata.annotations"))
    return [step for step in steps if step.templates]
