"""With SVIDs of 60 s: two rotations seen by open streams while 20 new mutual TLS connections a
second are made, and none fails. Every pairing of server and agent at once, since it is all waiting.
"""

import os
import signal
import time
import unittest

from harness import paths
from harness.case import TestCase, UID_A, UID_B, needs_root
from harness.process import wait_until

TD = "spiffe://example.org"
RATE = 20
SECONDS = 70  # two rotations of a 60 s SVID take some fifty
PAIRS = [("signet", "spire"), ("spire", "signet"), ("signet", "signet")]
if os.environ.get("SIGNET_TEST_BASELINE") or not paths.have_signet():
    PAIRS = [("spire", "spire")] + (PAIRS if paths.have_signet() else [])


class Run:
    """One pairing, its two workloads and the two watchers beside them."""

    def __init__(self, case, server_impl, agent_impl):
        self.case, self.name = case, f"{server_impl}-{agent_impl}"
        server = case.server(server_impl, {"server": {"default_x509_svid_ttl": "60s"}},
                             name=f"server-{self.name}")
        agent = case.agent(agent_impl, server, {"agent": {"experimental": {"sync_interval": "1s"}}},
                           name=f"agent-{self.name}")
        server.create_entry("/a", "/node", [f"unix:uid:{UID_A}"])
        server.create_entry("/b", "/node", [f"unix:uid:{UID_B}"])
        case.wait_ids(agent, [f"{TD}/a"], uid=UID_A)
        case.wait_ids(agent, [f"{TD}/b"], uid=UID_B)
        self.watchers = [case.watch(f"watch-{self.name}-{uid}", "watch-x509", "-socket", agent.socket,
                                    "-timeout", "10m", uid=uid) for uid in (UID_A, UID_B)]
        self.listener = case.watch(f"listener-{self.name}", "mtls-server", "-socket", agent.socket,
                                   "-authorize", f"{TD}/b", uid=UID_A)
        address = wait_until("the listener", lambda: case.json_lines(self.listener))[0]["listening"]
        self.began = time.monotonic()
        self.client = self.go_client(agent, "client", address)
        # Beside go-spiffe's client our own, at the same rate; it prints its counts at its end. And our
        # own server, for a client of go-spiffe's.
        self.ours = self.client_of_ours = None
        if paths.have_signet():
            self.ours = case.ours(f"ours-{self.name}", agent, "client", address, RATE, SECONDS, uid=UID_B)
            _, our_address = case.our_server(f"our-listener-{self.name}", agent, "example.org", uid=UID_A)
            self.client_of_ours = self.go_client(agent, "client-of-ours", our_address)

    def go_client(self, agent, name, address):
        return self.case.watch(f"{name}-{self.name}", "mtls-client", "-socket", agent.socket, "-addr", address,
                               "-authorize", f"{TD}/a", "-rate", str(RATE), uid=UID_B)

    def rotations(self):
        """How often the slower of the two streams has had a new certificate."""
        def count(watcher):
            serials = [s["serial"] for line in self.case.json_lines(watcher) for s in line.get("svids", [])]
            return len(set(serials)) - 1
        return min(map(count, self.watchers))

    def finish(self):
        tallies = []
        if self.ours:
            self.ours.wait_exit(SECONDS + 30)
        for process in (self.client, self.client_of_ours, self.listener):  # clients first: they see no closing
            if process:
                process.popen.send_signal(signal.SIGTERM)
                process.wait_exit()
                tallies.append(self.case.json_lines(process)[-1])
        seconds = time.monotonic() - self.began
        errors = [line for w in self.watchers for line in self.case.json_lines(w) if "error" in line]
        return seconds, tallies, errors


@needs_root
class Rotation(TestCase):
    def test_no_handshake_fails_over_two_rotations(self):
        runs = [Run(self, *pair) for pair in PAIRS]
        for run in runs:
            wait_until(f"two rotations of {run.name}", lambda run=run: run.rotations() >= 2, 120, 0.5)
        for run in runs:
            with self.subTest(pair=run.name):
                seconds, (client, *of_ours, server), errors = run.finish()
                self.assertEqual((client["failed"], server["failed"]), (0, 0), (client, server))
                self.assertEqual(errors, [])
                self.assertGreater(client["ok"], RATE * seconds * 0.5, "the load was there")
                self.assertGreaterEqual(len(client["peer_serials"]), 3, "the server's new certificates")
                self.assertGreaterEqual(len(server["peer_serials"]), 3, "the client's new certificates")
                for tally in of_ours:
                    self.assertEqual(tally["failed"], 0, tally)
                    self.assertGreater(tally["ok"], RATE * seconds * 0.5)
                    self.assertGreaterEqual(len(tally["peer_serials"]), 3, "our server's new certificates")
                if run.ours:
                    ours = self.json_lines(run.ours)[-1]
                    self.assertEqual(ours["failures"], 0, ours)
                    self.assertGreaterEqual(ours["own_serials"], 3, "our client's new certificates")
                print(f"    {run.name}: {client['ok']} handshakes in {seconds:.0f} s, "
                      f"{len(client['peer_serials'])} and {len(server['peer_serials'])} certificates")


if __name__ == "__main__":
    unittest.main()
