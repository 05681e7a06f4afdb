"""Requests to the API server: configuration, transport, and the client."""

from reconcile.client.cached import CachedClient
from reconcile.client.client import Client
from reconcile.client.config import Config, load_config
from reconcile.client.objects import BoundToken, ObjectList, WatchEvent
from reconcile.client.patch import JsonPatch, MergePatch, StrategicMergePatch
from reconcile.client.transport import Response, Transport

__all__ = [
    "BoundToken",
    "CachedClient",
    "Client",
    "Config",
    "JsonPatch",
    "MergePatch",
    "ObjectList",
    "Response",
    "StrategicMergePatch",
    "Transport",
    "WatchEvent",
    "load_config",
]
