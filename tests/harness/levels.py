"""Whether what was done to processes left something behind: memory, descriptors, their health."""

import time

from . import paths
from .process import wait_until


def measure(nodes, warm):
    """Memory and descriptors of each after warm(), which pays for what is allocated once."""
    warm()
    seen = []

    def level():  # a caller is remembered for a second, with two descriptors
        seen.append([n.process.fds() for n in nodes])
        return len(seen) > 15 and all(fds == seen[-1] for fds in seen[-15:])
    wait_until("the descriptors to stay the same for 1.5 s", level, 30, 0.1)
    return {n.name: (n.process.rss_kib(), n.process.fds()) for n in nodes}


def settle(case, nodes, before, spare=0):
    """Healthy within 1 s, guarded at five times that; then memory and descriptors as measure() found them, once
    connections are closed. spare: descriptors more that are nobody's fault."""
    for node in nodes:
        began = time.monotonic()
        result = node.cli("healthcheck")
        case.assertEqual(result.code, 0, result)
        case.assertLess(time.monotonic() - began, 5.0 * paths.slow())
    for node in nodes:
        rss, fds = before[node.name]
        wait_until(f"{node.name}'s descriptors to be no more than {fds} + {spare} again, not {node.process.fds()}",
                   lambda: node.process.fds() <= fds + spare, 30)
        # Go frees memory late; the bound is Signet's. Of a small process's 10 % a single arena of the
        # allocator is half, hence the MiB.
        if node.impl == "signet":
            wait_until(f"{node.name}'s memory ({node.process.rss_kib()} KiB) to be back near {rss}",
                       lambda: node.process.rss_kib() <= rss * 1.10 + 1024, 15)
