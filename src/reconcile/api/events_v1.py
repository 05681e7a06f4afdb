"""`events.k8s.io/v1`: events as the newer API has them."""

from __future__ import annotations

from pydantic import Field

from reconcile.api.builtin import BuiltinKind
from reconcile.api.core_v1 import EventSource, ObjectReference
from reconcile.api.meta_v1 import MicroTime, Time
from reconcile.api.model import Model, Resource

__all__ = ["Event", "EventSeries"]


class EventSeries(Model):
    """How often an event was seen, and when last."""

    count: int
    last_observed_time: MicroTime


class Event(BuiltinKind):
    """Something happened to an object (`regarding`)."""

    resource = Resource("events.k8s.io", "v1", "Event", "events", short_names=("ev",), status_subresource=False)

    event_time: MicroTime | None = None
    series: EventSeries | None = None
    reporting_controller: str = ""
    reporting_instance: str = ""
    action: str = ""
    reason: str = ""
    regarding: ObjectReference = Field(default_factory=ObjectReference)
    related: ObjectReference | None = None
    note: str = ""
    type: str = ""
    deprecated_source: EventSource | None = None
    deprecated_first_timestamp: Time | None = None
    deprecated_last_timestamp: Time | None = None
    deprecated_count: int | None = None
