"""The benchmark's controller in `reconcile`: every ConfigMap of the namespace is annotated once."""

from __future__ import annotations

import asyncio
import sys

from reconcile import Controller, Manager, Request
from reconcile.api.core_v1 import ConfigMap
from reconcile.client import MergePatch, load_config

ANNOTATION = "bench.example.com/seen"


async def main(kubeconfig: str, namespace: str) -> None:
    manager = Manager(load_config(kubeconfig), namespace=namespace)
    client = manager.client
    patch = MergePatch({"metadata": {"annotations": {ANNOTATION: "yes"}}})

    async def annotate(request: Request) -> None:
        found = await client.find(ConfigMap, request)
        if found is not None and ANNOTATION not in found.metadata.annotations:
            await client.patch(ConfigMap, request.name, request.namespace, patch)

    manager.add(Controller(ConfigMap, annotate, workers=32))
    await manager.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
