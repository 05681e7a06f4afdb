"""`python -m tests.chaos.zygote`: for each line of flags on stdin, an operator in a forked process; its pid goes to stdout.

Everything is imported before the first fork, so that a life of the operator begins with its work and not with a second of imports.
"""

from __future__ import annotations

import json
import os
import signal
import sys

from eso.cli import controller

# What the operator would import at first use.
from eso.generators import grafana  # noqa: F401
from eso.providers.webhook import provider  # noqa: F401


def main() -> int:
    """Until stdin ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while line := sys.stdin.readline():
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(2, 1)
            code = 70
            try:
                code = controller.main(json.loads(line))
            finally:
                os._exit(code)
        print(pid, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
