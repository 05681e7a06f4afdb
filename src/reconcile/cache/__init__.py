"""Informers: copies of collections kept in memory and in step with the API server."""

from reconcile.cache.cache import Cache
from reconcile.cache.events import InformerEvent
from reconcile.cache.informer import Informer

__all__ = ["Cache", "Informer", "InformerEvent"]
