"""Templates of objects: their sources fetched, and all of them rendered into a Secret, in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from eso.api.externalsecrets_v1.template import ExternalSecretTemplate, TemplateFrom, TemplateRef
from eso.errors import EsoError, InvalidSpecError, ReferenceNotFoundError
from eso.stores.credentials import CredentialReader
from eso.template.apply import execute
from eso.template.engine import Delims
from reconcile.api.core_v1 import Secret

__all__ = ["TemplateStep", "fetch_steps", "own_steps", "render_steps"]

_FETCHED: Final = "templateFrom"


@dataclass(frozen=True, slots=True)
class TemplateStep:
    """One call of the engine: templates by key, and where their results go."""

    templates: Mapping[str, str]
    scope: str
    target: str
    decoding: str = "None"
    where: str = ""


async def fetch_steps(
    reader: CredentialReader, namespace: str, sources: list[TemplateFrom], where: str
) -> list[TemplateStep]:
    """The steps of `templateFrom`, in order; within an entry configMap, secret, literal.

    Args:
        reader: reads the objects that hold templates.
        namespace: of those objects.
        sources: the entries.
        where: path of the template in its object, for messages.

    Raises:
        EsoError: an object or a key is missing; the message names both.
    """
    steps: list[TemplateStep] = []
    for index, source in enumerate(sources):
        at = f"{where}.{_FETCHED}[{index}]"
        decoding = source.values_decoding_strategy or "None"
        if source.config_map is not None:
            found = await reader.config_map(namespace, source.config_map.name)
            steps += _items(source.config_map, "configmap", found.data, source.target, decoding, at)
        if source.secret is not None:
            data = (await reader.secret(namespace, source.secret.name)).data
            texts = {key: value.decode("utf-8", "surrogateescape") for key, value in data.items()}
            steps += _items(source.secret, "secret", texts, source.target, decoding, at)
        if source.literal is not None:
            literal = {source.literal: source.literal}
            steps.append(TemplateStep(literal, "KeysAndValues", source.target, decoding, f"{at}.literal"))
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


def own_steps(template: ExternalSecretTemplate, where: str) -> list[TemplateStep]:
    """The steps of the template's own `data`, `metadata.labels` and `metadata.annotations`, in this order."""
    steps = [TemplateStep(template.data or {}, "Values", "Data", where=f"{where}.data")]
    if template.metadata is not None:
        labels, annotations = template.metadata.labels or {}, template.metadata.annotations or {}
        steps.append(TemplateStep(labels, "Values", "Labels", where=f"{where}.metadata.labels"))
        steps.append(TemplateStep(annotations, "Values", "Annotations", where=f"{where}.metadata.annotations"))
    return [step for step in steps if step.templates]


def render_steps(steps: Iterable[TemplateStep], data: Mapping[str, bytes], secret: Secret, *, delims: Delims) -> Secret:
    """The Secret with every step rendered into it.

    Args:
        steps: what to render.
        data: what the templates see; not changed by what they write.
        secret: where the results go; itself unchanged.
        delims: of the templates.

    Raises:
        InvalidSpecError: a template cannot be rendered; the message says which.
    """
    for step in steps:
        try:
            secret = execute(
                step.templates,
                data,
                scope=step.scope,
                target=step.target or "Data",
                obj=secret,
                decoding=step.decoding,
                delims=delims,
            )
        except EsoError as err:
            kind = "error fetching templateFrom data" if _FETCHED in step.where else "could not execute template"
            raise InvalidSpecError(f"{kind}: {step.where}: {err}") from err
    return secret
