"""Two processes, one worker: start it twice, kill the one that works, and the other takes over.

python -m examples.leader
"""

import asyncio

from reconcile import Controller, LeaderElection, Manager, Request, Result, load_config
from reconcile.api.core_v1 import ConfigMap


async def reconcile(request: Request) -> Result:
    print(f"working on {request}", flush=True)
    return Result()


async def main() -> None:
    election = LeaderElection("example-leader", "default", lease_duration=5, renew_deadline=3, retry_period=1)
    manager = Manager(load_config(), leader_election=election)
    manager.add(Controller(ConfigMap, reconcile, name="leader-example"))
    await manager.run()


if __name__ == "__main__":
    asyncio.run(main())
