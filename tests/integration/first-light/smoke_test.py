"""The whole way once, quickly: server, agent, entry, X.509- and JWT-SVID, restart, orderly end.

Runs under the sanitizers too, where a report is the process's exit code and a line in its log.
"""

import json
import os
import pathlib
import signal
import unittest

from harness import paths
from harness.case import OUR_UID, TestCase, needs_signet
from harness.process import wait_until

TD = "spiffe://example.org"
# Bits of capabilities(7).
CHOWN, DAC_READ_SEARCH, NET_BIND_SERVICE, SYS_PTRACE = 1 << 0, 1 << 2, 1 << 10, 1 << 19
# A sanitizer's runtime makes calls that no role needs, so they are not filtered then.
SANITIZED = "ASAN_OPTIONS" in os.environ


@needs_signet
class FirstLight(TestCase):
    def end(self, node):
        """SIGTERM drains within its limit; a leak or a race makes the exit code other than 0."""
        code = node.stop()
        text = node.process.text()
        self.assertNotIn("ERROR: AddressSanitizer", text)
        self.assertNotIn("ERROR: LeakSanitizer", text)
        self.assertNotIn("WARNING: ThreadSanitizer", text)
        self.assertNotIn("runtime error:", text)
        self.assertEqual(code, 0)

    def test_a_workload_gets_its_identity(self):
        server = self.server("signet")
        agent = self.agent("signet", server, {"agent": {"experimental": {"sync_interval": "1s"}}})
        entry = server.create_entry("/me", "/node", [OUR_UID])
        self.wait_ids(agent, [f"{TD}/me"])
        _, lines = self.probe("fetch-jwt", "-socket", agent.socket, "-audience", "a")
        self.assertEqual(lines[0]["svids"][0]["spiffe_id"], f"{TD}/me")
        stream = self.watch("stream", "raw", "-socket", agent.socket, "-stay", "-timeout", "60s")
        wait_until("the first message", lambda: self.json_lines(stream))
        server.create_entry("/me2", "/node", [OUR_UID])
        wait_until("two identities", lambda: self.json_lines(stream)[-1].get("items") == 2)
        server.must("x509", "mint", "-spiffeID", f"{TD}/minted")
        server.must("jwt", "mint", "-spiffeID", f"{TD}/minted", "-audience", "a")
        server.must("agent", "list")
        server.must("entry", "delete", "-entryID", entry)
        self.wait_ids(agent, [f"{TD}/me2"])
        self.end(server)
        server.start()
        self.end(agent)
        agent.start()
        self.wait_ids(agent, [f"{TD}/me2"])
        self.end(agent)
        self.end(server)

    def test_what_the_process_says_of_itself(self):
        """No core with keys in it; no thread has, or can gain, more than its role needs."""
        server = self.server("signet")
        agent = self.agent("signet", server)
        needs = {server: NET_BIND_SERVICE, agent: DAC_READ_SEARCH | SYS_PTRACE}
        for node in (server, agent):
            limits = open(f"/proc/{node.process.pid}/limits").read()
            core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
            self.assertEqual(core.split()[4], "0", core)
            threads = list(pathlib.Path(f"/proc/{node.process.pid}/task").iterdir())
            self.assertGreater(len(threads), 3)
            for thread in threads:
                try:
                    text = (thread / "status").read_text()
                except OSError:  # it has ended meanwhile
                    continue
                status = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
                self.assertEqual(status["NoNewPrivs"], "1")
                self.assertEqual(status["Seccomp"], "0" if SANITIZED else "2")
                self.assertEqual(int(status["CapInh"], 16) | int(status["CapAmb"], 16), 0)
                for kind in ("CapPrm", "CapEff"):
                    self.assertEqual(int(status[kind], 16), needs[node] if os.geteuid() == 0 else 0, kind)

    def test_a_role_keeps_what_the_operator_names(self):
        server = self.server("signet", start=False).start(env={"SIGNET_KEEP_CAPABILITIES": "chown"})
        status = open(f"/proc/{server.process.pid}/status").read()
        if os.geteuid() == 0:
            self.assertIn(f"CapEff:\t{NET_BIND_SERVICE | CHOWN:016x}", status)

    def test_sockets_have_the_modes_they_must(self):
        server = self.server("signet")
        agent = self.agent("signet", server)
        self.assertEqual(server.socket.stat().st_mode & 0o007, 0, "the admin socket is not for others")
        self.assertEqual(server.socket.parent.stat().st_mode & 0o007, 0)
        self.assertEqual(agent.socket.stat().st_mode & 0o777, 0o777, "the Workload API is for all")
        self.assertEqual(agent.socket.parent.stat().st_mode & 0o005, 0o005)
        for secret in (server.data / "keys.json", *agent.data.glob("*.json")):
            self.assertEqual(secret.stat().st_mode & 0o077, 0, secret)

    def test_a_socket_with_a_living_listener_is_not_taken_over(self):
        server = self.server("signet")
        second = self.server("signet", {"server": {"socket_path": str(server.socket)}}, start=False)
        second.port = None
        try:
            second.start(wait=False)
            self.assertNotEqual(second.process.wait_exit(20), 0)
        finally:
            self.assertEqual(server.cli("healthcheck").code, 0)
            self.assertTrue(server.socket.exists())

    def test_idle_memory(self):
        """Measured for docs/performance.md; here guarded at five times the figure's reach."""
        server = self.server("signet")
        agent = self.agent("signet", server)
        print(f"    idle: server {server.process.rss_kib()} KiB, agent {agent.process.rss_kib()} KiB")
        if paths.slow() == 1:
            self.assertLess(server.process.rss_kib(), 5 * 40 * 1024)
            self.assertLess(agent.process.rss_kib(), 5 * 25 * 1024)


if __name__ == "__main__":
    unittest.main()
