"""No private key stays in the agent's memory when its identity is gone."""

import os
import re
import subprocess
import time
import unittest

from harness import memory
from harness.case import TestCase, needs_root, needs_signet
from harness.deploy import argv
from harness.process import run, wait_until

TD = "spiffe://example.org"
QUICK = {"agent": {"experimental": {"sync_interval": "1s"}}}
FETCHES = 40


def scalar_of(key_file):
    """The 32 bytes of a P-256 private key."""
    text = subprocess.check_output(["openssl", "pkey", "-in", key_file, "-noout", "-text"], text=True)
    digits = re.search(r"priv:\s*([0-9a-f:\s]+)pub:", text).group(1)
    return bytes.fromhex(re.sub(r"[:\s]", "", digits)).rjust(32, b"\0")[-32:]


@needs_root
@needs_signet
class Memory(TestCase):
    def key(self, agent, name):
        """What a workload is given now."""
        folder = self.folder / name
        folder.mkdir()
        got = run(argv("signet", "agent", "api", "fetch", "x509", "-socketPath", agent.socket, "-write", folder))
        self.assertEqual(got.code, 0, got)
        return scalar_of(folder / "svid.0.key")

    def places(self, agent, scalar):
        """As bytes of a file, and as OpenSSL keeps numbers."""
        pid = agent.process.popen.pid
        return memory.places(pid, scalar) + memory.places(pid, scalar[::-1])

    def test_nothing_of_a_deleted_entrys_key_is_left_after_two_seconds(self):
        server = self.server("signet")
        agent = self.agent("signet", server, QUICK)
        entry = server.create_entry("/me", "/node", [f"unix:uid:{os.geteuid()}"])
        self.wait_ids(agent, [f"{TD}/me"])
        stream = self.watch("stream", "raw", "-socket", agent.socket, "-stay", "-timeout", "60s")
        wait_until("the first message", lambda: self.json_lines(stream))
        # Many answers with the key went by, on connections that have ended and on one that has not.
        for _ in range(FETCHES):
            self.ids(agent)
        scalar = self.key(agent, "before")
        self.assertTrue(self.places(agent, scalar), "the agent keeps it while the entry is there")
        server.must("entry", "delete", "-entryID", entry)
        stream.wait_exit(15)
        self.wait_ids(agent, "PermissionDenied")
        time.sleep(2)
        self.assertEqual([hex(at) for at in self.places(agent, scalar)], [])

    def test_nothing_of_a_rotated_key_is_left(self):
        server = self.server("signet", {"server": {"default_x509_svid_ttl": "10s"}})
        agent = self.agent("signet", server, QUICK)
        server.create_entry("/me", "/node", [f"unix:uid:{os.geteuid()}"])
        self.wait_ids(agent, [f"{TD}/me"])
        self.watch("stream", "raw", "-socket", agent.socket, "-stay", "-timeout", "60s")
        first = self.key(agent, "first")
        others = iter(range(1000))
        wait_until("another key", lambda: self.key(agent, f"key-{next(others)}") != first, 30, 0.5)
        time.sleep(2)
        self.assertEqual([hex(at) for at in self.places(agent, first)], [])


if __name__ == "__main__":
    unittest.main()
