"""Callers who connect and say nothing, in numbers, at each door that our processes open: they cost memory of
theirs and no thread, and others are served meanwhile.

2,000 in every CI run, 10,000 in `scripts/test.sh long half-open`. Who calls at a Unix socket is asked for with the
first call, so each of them is kept for one descriptor. A TCP door keeps its newest: the oldest make room.
"""

import contextlib
import http.client
import os
import resource
import ssl
import time
import unittest

from harness import deploy, h2, levels, paths
from harness.case import OUR_UID, UID_A, TestCase, needs_root, needs_signet
from harness.process import wait_until

SILENT = 10_000 if paths.long_run() else 2_000
FILES = resource.getrlimit(resource.RLIMIT_NOFILE)
TD = "spiffe://example.org"
HANDSHAKES, HEALTH_PLACES, BUNDLE_PLACES = 1024, 64, 512  # what the TCP doors keep


@contextlib.contextmanager
def acting_as(uid):
    """Unix sockets that connect meanwhile are this user's, of root's group."""
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def at_socket(path):
    def connect(n):  # of so many users that none has too many
        with acting_as(UID_A + n % 8):
            return h2.plain(path)
    return connect


def at_port(port):
    return lambda n: h2.plain(port, source=f"127.0.{1 + n // 200}.1")  # from as many addresses


@needs_signet
@needs_root  # another user's connections, and limits for our children
class HalfOpen(TestCase):
    def setUp(self):
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, FILES)
        # As a service manager sets it: a small soft limit that select() can take, a large hard one.
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, FILES[1]))
        self.bundle_port, *self.health_ports = (deploy.free_port() for _ in range(3))
        self.admin = self.folder / "private" / "admin.sock"
        self.server_ = self.server("signet", {
            "server": {"federation": {"bundle_endpoint": {
                "address": "127.0.0.1", "port": self.bundle_port, "profile https_spiffe": {}}}},
            **self.health_checks(self.health_ports[0])})
        self.server_.create_entry("/me", "/node", [OUR_UID])
        self.agent_ = self.agent("signet", self.server_, {
            "agent": {"admin_socket_path": str(self.admin)}, **self.health_checks(self.health_ports[1])})
        self.wait_ids(self.agent_, [f"{TD}/me"])
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES[1], FILES[1]))
        self.joined = 0

    @staticmethod
    def health_checks(port):
        return {"health_checks": {"listener_enabled": True, "bind_address": "127.0.0.1", "bind_port": str(port)}}

    # What a caller asks at each door, and is given.

    def join(self):
        self.joined += 1
        another = self.agent("signet", self.server_, name=f"another{self.joined}")
        self.wait_ids(another, [f"{TD}/me"])
        another.stop()

    def fetch(self):
        for _ in range(10):
            self.wait_ids(self.agent_, [f"{TD}/me"])
        self.assertEqual(self.agent_.cli("healthcheck").code, 0)

    def administer_the_server(self):
        self.assertEqual(self.server_.cli("healthcheck").code, 0)
        self.assertIn(f"{TD}/me", self.server_.must("entry", "show").out)

    def administer_the_agent(self):
        said = self.agent_.cli("explain", "-pid", os.getpid(), "-socketPath", self.admin, "-output", "json")
        self.assertEqual(said.code, 0, said)

    def probe_health(self, *ports):
        for port in ports or self.health_ports:
            for path in ("/live", "/ready"):
                self.assertEqual(self.get(http.client.HTTPConnection("127.0.0.1", port, timeout=10), path), 200)

    def read_the_bundle(self):
        anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
        self.assertEqual(self.get(http.client.HTTPSConnection("127.0.0.1", self.bundle_port, timeout=10,
                                                              context=anybody), "/"), 200)

    @staticmethod
    def get(connection, path):
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().status

    def everybody_is_served(self):
        for ask in (self.join, self.fetch, self.administer_the_server, self.administer_the_agent, self.probe_health,
                    self.read_the_bundle):
            ask()

    def hold(self, door, node, connect, kept, ask, kib=8):
        """So many connections to it at once, of which the process keeps `kept`, for so much memory each; ask() is what
        others do there."""
        def warm():
            self.everybody_is_served()
            for s in [connect(n) for n in range(200)]:
                s.close()
        rss, fds = levels.measure([node], warm)[node.name]
        process = node.process
        threads = process.threads()
        silent = [connect(n) for n in range(SILENT)]
        try:
            wait_until("them to be taken", lambda: process.fds() >= fds + kept * 95 // 100, 20)
            began = time.monotonic()
            ask()
            took = time.monotonic() - began
            # One descriptor each; callers' own, and what is remembered of them, are few.
            self.assertLess(process.fds(), fds + kept + 64)
            grown = process.rss_kib() - rss
            self.assertLess(process.threads(), threads + 8)
            self.assertLess(took, 5 * paths.slow())
            self.everybody_is_served()
        finally:
            for s in silent:
                s.close()
        self.assertLess(grown, (kept * kib + 4096) * paths.slow())
        wait_until(f"{node.name}'s descriptors to be as before", lambda: process.fds() <= fds + 2, 30)
        self.figures(door=door, silent=SILENT, kept=kept, kib_each=round(grown / kept, 2), served_seconds=round(took, 2))

    def test_at_the_servers_port(self):
        """Without a handshake: the oldest are given up for newer ones, so a newcomer is always heard."""
        self.hold("tcp", self.server_, at_port(self.server_.port), HANDSHAKES, self.join)

    def test_at_the_workload_api(self):
        self.hold("workload_api", self.agent_, at_socket(self.agent_.socket), SILENT, self.fetch)

    def test_at_the_servers_admin_socket(self):
        self.hold("server_admin", self.server_, at_socket(self.server_.socket), SILENT, self.administer_the_server)

    def test_at_the_agents_admin_socket(self):
        self.hold("agent_admin", self.agent_, at_socket(self.admin), SILENT, self.administer_the_agent)

    def test_at_the_port_of_health_checks(self):
        for node, port in zip((self.server_, self.agent_), self.health_ports, strict=True):
            role = "server" if node is self.server_ else "agent"
            self.hold(f"{role}_health", node, at_port(port), HEALTH_PLACES, lambda p=port: self.probe_health(p))

    def test_at_the_bundle_endpoint(self):
        """Asio makes the buffers of a TLS connection when it begins, but there are few places."""
        self.hold("bundle_endpoint", self.server_, at_port(self.bundle_port), BUNDLE_PLACES, self.read_the_bundle, kib=128)

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
