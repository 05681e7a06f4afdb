"""The benchmark's controller in kopf: every ConfigMap of the namespace is annotated once.

A handler of raw events is the cheapest that kopf has: it keeps no progress in the object, so there is one patch for each.
"""

from __future__ import annotations

from typing import Any

import kopf

ANNOTATION = "bench.example.com/seen"


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.posting.enabled = False


@kopf.on.event("", "v1", "configmaps")
async def annotate(type: str, annotations: kopf.Annotations, patch: kopf.Patch, **_: Any) -> None:
    if type != "DELETED" and ANNOTATION not in annotations:
        patch.metadata.annotations[ANNOTATION] = "yes"
