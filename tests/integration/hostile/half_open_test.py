"""Callers who connect and say nothing, in numbers: they cost memory of theirs and no thread, and
others are served meanwhile.

2,000 at each open door in every CI run, 10,000 in `scripts/test.sh long half-open`, or as many as the
machine's hard limit of descriptors lets a process have.
"""

import contextlib
import os
import resource
import time
import unittest

from harness import h2, paths
from harness.case import OUR_UID, UID_A, TestCase, needs_root, needs_signet
from harness.process import wait_until

SILENT = 10_000 if paths.long_run() else 2_000
FILES = resource.getrlimit(resource.RLIMIT_NOFILE)
TD = "spiffe://example.org"


@contextlib.contextmanager
def acting_as(uid):
    """Unix sockets that connect meanwhile are this user's."""
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


@needs_signet
@needs_root  # another user's connections, and limits for our children
class HalfOpen(TestCase):
    def setUp(self):
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, FILES)
        # As a service manager sets it: a small soft limit that select() can take, a large hard one.
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, FILES[1]))
        self.server_ = self.server("signet")
        self.server_.create_entry("/me", "/node", [OUR_UID])
        self.agent_ = self.agent("signet", self.server_)
        self.wait_ids(self.agent_, [f"{TD}/me"])
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES[1], FILES[1]))

    def hold(self, node, count, connect, serve):
        """So many connections to it at once; serve() is what others do meanwhile."""
        for s in [connect(n) for n in range(200)]:  # what is allocated once
            s.close()
        time.sleep(0.5)
        process = node.process
        before = process.rss_kib(), process.fds(), process.threads()
        silent = [connect(n) for n in range(count)]
        try:
            wait_until("them to be taken", lambda: process.fds() >= before[1] + min(count, 1000), 20)
            began = time.monotonic()
            serve()
            took = time.monotonic() - began
            grown = process.rss_kib() - before[0]
            self.assertLess(process.threads(), before[2] + 8)
            self.assertLess(took, 5 * paths.slow())
        finally:
            for s in silent:
                s.close()
        wait_until(f"{node.name}'s descriptors to be as before", lambda: process.fds() <= before[1] + 2, 30)
        return {"silent": count, "kib_each": round(grown / count, 2), "served_seconds": round(took, 2)}

    def test_at_the_servers_port(self):
        """Without a handshake: the oldest are given up for newer ones, so a newcomer is always heard."""
        def connect(n):  # from so many addresses that none has too many
            return h2.plain(self.server_.port, source=f"127.0.{1 + n // 200}.1")

        def serve():
            another = self.agent("signet", self.server_, name="another")
            self.wait_ids(another, [f"{TD}/me"])
        figures = self.hold(self.server_, SILENT, connect, serve)
        self.assertLess(figures["kib_each"], 8 * paths.slow())
        self.figures(door="tcp", **figures)

    def test_at_the_workload_api(self):
        def connect(n):  # of so many users that none has too many
            with acting_as(UID_A + n % 8):
                while True:
                    try:
                        return h2.plain(self.agent_.socket)
                    except BlockingIOError:  # we are faster than accept(): the backlog is full
                        time.sleep(0.01)

        def serve():
            for _ in range(10):
                self.wait_ids(self.agent_, [f"{TD}/me"])
            self.assertEqual(self.agent_.cli("healthcheck").code, 0)
        # Each is two descriptors of the agent's: the socket, and the process behind it.
        figures = self.hold(self.agent_, min(SILENT, FILES[1] * 4 // 10), connect, serve)
        self.assertLess(figures["kib_each"], 8 * paths.slow())
        self.figures(door="workload_api", **figures)

    def test_one_address_cannot_take_all(self):
        silent = []
        try:
            for _ in range(1100):
                silent.append(h2.plain(self.server_.port, source="127.0.9.1"))
            self.server_.process.wait_log("too many connections of this caller")
            warned = [line for line in self.server_.process.text().splitlines()
                      if "Connection refused" in line and "level=warning" in line]
            self.assertEqual(len(warned), 1, "a flood does not fill the log")
            another = self.agent("signet", self.server_, name="another")
            self.wait_ids(another, [f"{TD}/me"])
        finally:
            for s in silent:
                s.close()

    def test_the_soft_limit_is_raised(self):
        for node in (self.server_, self.agent_):
            with open(f"/proc/{node.process.pid}/limits") as f:
                line = next(line for line in f if line.startswith("Max open files"))
            self.assertEqual(line.split()[3:5], [str(FILES[1])] * 2, node.name)


if __name__ == "__main__":
    unittest.main()
