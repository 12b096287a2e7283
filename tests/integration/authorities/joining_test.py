"""Several servers on one PostgreSQL: one that joins is not met by agents before they know it."""

import contextlib
import json
import os
import socket
import threading
import time
import unittest

from harness import postgres
from harness.case import TestCase, needs_signet
from harness.process import wait_until

TD = "spiffe://example.org"


class Balancer:
    """A TCP balancer in front of the servers in `living`: the next of them that answers."""

    def __init__(self, living):
        self.living = living
        self.turns = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def kill(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[caller], daemon=True).start()

    def _serve(self, caller):
        servers = list(self.living)
        self.turns += 1
        for n in range(len(servers)):
            try:
                server = socket.create_connection(
                    ("127.0.0.1", servers[(self.turns + n) % len(servers)].port), 2)
                break
            except OSError:
                continue
        else:
            return caller.close()
        server.settimeout(None)
        threading.Thread(target=self._pump, args=[server, caller], daemon=True).start()
        self._pump(caller, server)

    @staticmethod
    def _pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()


@needs_signet
@unittest.skipUnless(postgres.installed(), "PostgreSQL is not installed")
class Joining(TestCase):
    def setUp(self):
        self.database = postgres.Postgres(self.folder / "postgres").start()
        self.nodes.append(self.database)
        self.over = {"plugins": {"DataStore sql": self.database.data_store()}}

    def joined(self, name):
        """A server with keys of its own, from its start until it serves agents."""
        server = self.server("signet", self.over, name=name, start=False)
        server.start(wait=False)
        return server

    def authorities(self, server):
        keys = json.loads(server.must("bundle", "show", "-format", "spiffe").out)["keys"]
        return sum(key["use"] == "x509-svid" for key in keys)

    def test_servers_are_replaced_one_by_one_and_no_agent_ends(self):
        """Behind a balancer: two serve, a third joins, then each gives way to one with new keys."""
        living = [self.server("signet", self.over, name="first")]
        balancer = Balancer(living)
        self.nodes.append(balancer)
        living[0].create_entry("/me", "/node", [f"unix:uid:{os.geteuid()}"])
        second = self.joined("second")
        second.wait_healthy()
        living.append(second)
        agents = [self.agent(impl, living[0], {"agent": {
            "server_port": balancer.port, "experimental": {"sync_interval": "1s"}}}, name=f"{impl}{n}")
            for impl, count in (("spire", 5), ("signet", 1)) for n in range(count)]
        for agent in agents:
            self.wait_ids(agent, [f"{TD}/me"], seconds=30)
        for name in ("third", "fourth", "fifth"):
            newcomer = self.joined(name)
            newcomer.process.wait_log("Joining the other servers")
            # Agents of a server that has just stopped count for two minutes.
            newcomer.process.wait_log("Joined: everybody has our authorities", 60 if name != "fifth" else 180)
            newcomer.wait_healthy()
            living.append(newcomer)
            if name != "third":
                self.assertEqual(living.pop(0).stop(), 0)
        self.assertEqual(self.authorities(living[0]), 5)
        living.pop(0).stop()  # only those are left that no agent had met at its start
        living[0].create_entry("/me2", "/node", [f"unix:uid:{os.geteuid()}"])
        for agent in agents:
            self.wait_ids(agent, [f"{TD}/me", f"{TD}/me2"], seconds=60)
            self.assertTrue(agent.process.running(), agent.name)

    def test_the_first_server_of_an_empty_domain_does_not_wait(self):
        self.server("signet", self.over, name="first")
        second = self.server("signet", self.over, name="second")
        self.assertNotIn("Joining", second.process.text(), "there are no agents yet")

    def test_a_joining_server_is_not_ready_while_an_agent_lacks_it(self):
        first = self.server("signet", self.over, name="first")
        agent = self.agent("signet", first, {"agent": {"experimental": {"sync_interval": "1s"}}})
        wait_until("a sync", lambda: "Bundle updated" in agent.process.text())
        time.sleep(2.5)
        os.kill(agent.process.pid, 19)  # SIGSTOP
        try:
            second = self.joined("second")
            second.process.wait_log("Joining the other servers")
            time.sleep(3)
            self.assertFalse(second.healthy())
            self.assertNotIn("network=tcp", second.process.text())
            # Killed meanwhile and started again, it is still one that joins.
            second.kill()
            second.start(wait=False)
            second.process.wait_log("Joining the other servers")
            time.sleep(3)
            self.assertFalse(second.healthy())
        finally:
            os.kill(agent.process.pid, 18)
        second.process.wait_log("Joined: everybody has our authorities", 60)
        second.wait_healthy()
        self.assertEqual(second.stop(), 0)
        second.start()
        self.assertNotIn("Joining", second.process.text().split("Joined: everybody")[-1], "once is enough")

    def test_one_that_lost_its_keys_joins_anew(self):
        first = self.server("signet", self.over, name="first")
        second = self.server("signet", self.over, name="second")
        balancer = Balancer([first, second])
        self.nodes.append(balancer)
        first.create_entry("/me", "/node", [f"unix:uid:{os.geteuid()}"])
        agents = [self.agent(impl, first, {"agent": {"server_port": balancer.port,
                                                     "experimental": {"sync_interval": "1s"}}})
                  for impl in ("spire", "signet")]
        for agent in agents:
            self.wait_ids(agent, [f"{TD}/me"], seconds=30)
        self.assertEqual(second.stop(), 0)
        (second.data / "keys.json").unlink()
        before = self.authorities(first)
        second.start(wait=False)
        second.process.wait_log("Joining the other servers")
        second.process.wait_log("Joined: everybody has our authorities", 60)
        second.wait_healthy()
        self.assertEqual(self.authorities(first), before + 1, "the lost one may have signed what is in use")
        self.assertEqual(first.stop(), 0)  # only the one whose keys are new is left
        second.create_entry("/me2", "/node", [f"unix:uid:{os.geteuid()}"])
        for agent in agents:
            self.wait_ids(agent, [f"{TD}/me", f"{TD}/me2"], seconds=60)
            self.assertTrue(agent.process.running(), agent.name)


if __name__ == "__main__":
    unittest.main()
