"""No private key stays in the agent's memory when its identity is gone."""

import base64
import json
import os
import re
import subprocess
import time
import unittest

from harness import memory, sds
from harness.case import OUR_UID, TestCase, needs_root, needs_signet
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

    def test_nothing_of_a_key_is_left_that_went_to_envoys(self):
        server = self.server("signet")
        agent = self.agent("signet", server, QUICK)
        entry = server.create_entry("/me", "/node", [f"unix:uid:{os.geteuid()}"])
        self.wait_ids(agent, [f"{TD}/me"])
        state = {"typeUrl": sds.TYPE, "resourceNames": [f"{TD}/me"]}
        delta = {"typeUrl": sds.TYPE, "resourceNamesSubscribe": [f"{TD}/me", "default"]}
        streams = [sds.watch(self, "state", agent, "StreamSecrets", [state]),
                   sds.watch(self, "delta", agent, "DeltaSecrets", [delta])]
        for stream in streams:
            wait_until("the first answer", lambda stream=stream: self.json_lines(stream))
        for _ in range(FETCHES // 4):
            answers, _ = sds.ask(self, agent, "FetchSecrets", [state])
        pem = base64.b64decode(answers[0]["resources"][0]["tlsCertificate"]["privateKey"]["inlineBytes"]).decode()
        key = self.folder / "key.pem"
        key.write_text(pem)
        # Of the second line of base64 the first 26 characters are the scalar's bytes 13 to 32.
        needles = [pem.splitlines()[2][:26].encode(), scalar_of(key), scalar_of(key)[::-1]]

        def places():
            return [(i, hex(at)) for i, needle in enumerate(needles)
                    for at in memory.places(agent.process.popen.pid, needle)]
        self.assertEqual({i for i, _ in places()} & {0}, {0}, "the agent keeps it, encoded, while the entry is there")
        server.must("entry", "delete", "-entryID", entry)
        streams[0].wait_exit(15)
        wait_until("the removal", lambda: len(self.json_lines(streams[1])) > 1)
        time.sleep(2)
        self.assertTrue(streams[1].running())
        self.assertEqual(places(), [])

    def test_nothing_of_a_key_that_a_delegate_was_given_is_left(self):
        server = self.server("signet")
        admin = self.folder / "private" / "admin.sock"
        agent = self.agent("signet", server, {"agent": {
            **QUICK["agent"], "admin_socket_path": str(admin), "authorized_delegates": [f"{TD}/delegate"]}})
        server.create_entry("/delegate", "/node", [OUR_UID])
        entry = server.create_entry("/shop", "/node", ["k8s:ns:shop"])
        self.wait_ids(agent, [f"{TD}/delegate"])
        words = ("call", "-socket", admin, "-method",
                 "spire.api.agent.delegatedidentity.v1.DelegatedIdentity/SubscribeToX509SVIDs", "-request",
                 json.dumps({"selectors": [{"type": "k8s", "value": "ns:shop"}]}), "-timeout")
        stream = self.watch("delegated", *words, "60s")

        def last():
            lines = [line["answer"] for line in self.json_lines(stream) if "answer" in line]
            return lines and lines[-1]
        wait_until("the identity", lambda: last() and last().get("x509Svids"))
        for _ in range(5):  # on connections that have ended
            self.probe(*words, "200ms")
        key = self.folder / "key.der"
        key.write_bytes(base64.b64decode(last()["x509Svids"][0]["x509SvidKey"]))
        scalar = scalar_of(key)
        self.assertTrue(self.places(agent, scalar), "the agent keeps it while the entry is there")
        server.must("entry", "delete", "-entryID", entry)
        wait_until("the empty message", lambda: not last().get("x509Svids"))
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
