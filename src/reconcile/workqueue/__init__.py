"""Work queues: what must be looked at, by whom, when, and in which order."""

from reconcile.workqueue.limiters import (
    ExponentialLimiter,
    MaxOfLimiter,
    RateLimiter,
    TokenBucketLimiter,
    default_limiter,
)
from reconcile.workqueue.metrics import QueueCollector, QueueSeries
from reconcile.workqueue.priority import FairOrder, Priority
from reconcile.workqueue.queue import FifoOrder, Order, Queue, QueueShutDownError
from reconcile.workqueue.ratelimiting import WorkQueue

__all__ = [
    "ExponentialLimiter",
    "FairOrder",
    "FifoOrder",
    "MaxOfLimiter",
    "Order",
    "Priority",
    "Queue",
    "QueueCollector",
    "QueueSeries",
    "QueueShutDownError",
    "RateLimiter",
    "TokenBucketLimiter",
    "WorkQueue",
    "default_limiter",
]
