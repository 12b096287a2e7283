"""One address attests once a second: who leaves the queue is out of it, and the queue has an end."""

import base64
import json
import subprocess
import time
import unittest

from harness.case import TestCase, needs_signet
from harness.process import wait_until

ATTEST = "spire.api.server.agent.v1.Agent/AttestAgent"
LIMITED = {"server": {"ratelimit": {"attestation": True}}}


@needs_signet
class RateLimit(TestCase):
    def begin(self, server, payload=b"no-such-token"):
        """A caller that attests and would wait for long."""
        request = json.dumps({"params": {"data": {"type": "join_token", "payload": base64.b64encode(
            payload).decode()}, "params": {"csr": "AA=="}}})
        caller = subprocess.Popen([self.probe_path(), "call", "-addr", f"127.0.0.1:{server.port}", "-method",
                                   ATTEST, "-timeout", "300s"], stdin=subprocess.PIPE, text=True,
                                  stdout=subprocess.PIPE)
        self.addCleanup(caller.kill)
        caller.stdin.write(request + "\n")
        caller.stdin.close()
        return caller

    def test_callers_who_leave_take_their_turns_with_them(self):
        server = self.server("signet", LIMITED)
        token = server.token("/node")
        callers = [self.begin(server) for _ in range(40)]
        wait_until("the first of them to be judged", lambda: any(c.poll() is not None for c in callers), 10)
        for caller in callers:
            caller.kill()
            caller.wait()
        where = self.folder / "agent"
        where.mkdir()
        began = time.monotonic()
        code, _ = self.probe("join", "-addr", f"127.0.0.1:{server.port}", "-token", token, "-dir", where)
        self.assertEqual(code, 0)
        self.assertLess(time.monotonic() - began, 10, "40 s of others' turns would be before it")

    def test_what_waits_is_bounded(self):
        server = self.server("signet", LIMITED)
        before = server.process.rss_kib()
        # Of 3 MB each, 22 do not fit; one a second is judged and makes room.
        callers = [self.begin(server, b"x" * 3_000_000) for _ in range(50)]
        said = []

        def refused():
            for caller in [c for c in callers if c.poll() is not None]:
                said.append(caller.stdout.read())
                callers.remove(caller)
            return "too many requests wait for their turn" in "".join(said)
        wait_until("those that do not fit to be refused", refused, 30)
        self.assertLess(server.process.rss_kib() - before, 300 * 1024)
        for caller in callers:
            caller.kill()
            caller.wait()
        self.assertEqual(server.cli("healthcheck").code, 0)


if __name__ == "__main__":
    unittest.main()
