"""Requests to the API server: configuration, transport, and the client."""

from reconcile.client.cached import CachedClient
from reconcile.client.client import Client
from reconcile.client.config import Config
from reconcile.client.matching import FieldConflict, field_conflicts
from reconcile.client.objects import BoundToken, ObjectList, WatchEvent
from reconcile.client.patch import JsonPatch, MergePatch, StrategicMergePatch
from reconcile.client.surroundings import load_config
from reconcile.client.transport import Response, Transport

__all__ = [
    "BoundToken",
    "CachedClient",
    "Client",
    "Config",
    "FieldConflict",
    "JsonPatch",
    "MergePatch",
    "ObjectList",
    "Response",
    "StrategicMergePatch",
    "Transport",
    "WatchEvent",
    "field_conflicts",
    "load_config",
]
