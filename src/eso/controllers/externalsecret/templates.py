"""`target.template`: its sources fetched, its rules checked, its results written into the draft of the target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.controllers.externalsecret.draft import Draft, Render
from eso.controllers.templating import TemplateStep, fetch_steps, own_steps, render_steps
from eso.errors import EsoError, InvalidSpecError
from eso.stores.credentials import CredentialReader
from eso.template.engine import Delims
from eso.transform.validation import (
    privileged_template_violations,
    targets_a_secret,
    template_target_violations,
)
from reconcile.api.core_v1 import Secret
from reconcile.api.meta_v1 import ObjectMeta

__all__ = ["TemplateRenderer"]

_WHERE: Final = "spec.target.template"


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
            steps = await fetch_steps(self._reader, es.namespace, template.template_from or [], _WHERE)
        except EsoError as err:
            raise EsoError(f"could not apply template: error fetching templateFrom data: {err}") from err
        return steps + own_steps(template, _WHERE)

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
        try:
            secret = render_steps(steps, data, secret, delims=self.delims)
        except InvalidSpecError as err:
            raise InvalidSpecError(f"could not apply template: {err}") from err
        draft.data = dict(secret.data)
        draft.metadata["labels"] = dict(secret.metadata.labels)
        draft.metadata["annotations"] = dict(secret.metadata.annotations)
