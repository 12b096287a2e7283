"""What is away is no reason to start a role anew: `/live` stays, for longer than a role may be silent itself. One that
nobody can reach at its own socket any more is."""

import http.client
import os
import signal
import time
import unittest

from harness import deploy, postgres
from harness.case import TestCase, needs_signet
from harness.process import wait_until

MOSTLY_WAITS = True

LOOKS = 10  # seconds: how often it looks
LOST = 60  # seconds without an answer of its own that `/live` bears


@needs_signet
class Live(TestCase):
    def listener(self):
        port = deploy.free_port()
        return port, {"health_checks": {"listener_enabled": True, "bind_address": "127.0.0.1", "bind_port": str(port)}}

    def status(self, port, path):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()

    def stays_live(self, *ports):
        end = time.monotonic() + LOST + 15
        while time.monotonic() < end:
            for port in ports:
                self.assertEqual(self.status(port, "/live"), 200)
            time.sleep(1)

    def test_without_the_database_and_without_the_server(self):
        database = postgres.Postgres(self.folder / "postgres").start()
        self.nodes.append(database)
        at_server, over = self.listener()
        server = self.server("signet", deploy.merge({"plugins": {"DataStore sql": database.data_store()},
                                                     "server": {"offline_issuance": "5s"}}, over))
        at_agent, over = self.listener()
        agent = self.agent("signet", server, over)
        other = self.server("signet")
        at_orphan, over = self.listener()
        orphan = self.agent("signet", other, over, path="/orphan")
        at_lost, over = self.listener()
        lost = self.agent("signet", other, over, path="/lost")
        at_mute, over = self.listener()
        mute = self.server("signet", over)
        for port in (at_server, at_agent, at_orphan, at_lost, at_mute):
            wait_until("ready", lambda port=port: self.status(port, "/ready") == 200, 30)
        time.sleep(LOOKS + 2)  # the socket was there when it was looked for
        for node in (lost, mute):
            node.socket.unlink()
        database.kill()
        os.kill(other.process.pid, signal.SIGSTOP)
        try:
            wait_until("the server to say that it is not ready", lambda: self.status(at_server, "/ready") == 500, 60)
            self.assertEqual([self.status(port, "/live") for port in (at_lost, at_mute)], [200, 200])
            self.stays_live(at_server, at_agent, at_orphan)
            for port in (at_lost, at_mute):
                wait_until("it to be given up", lambda port=port: self.status(port, "/live") == 500, 2 * LOOKS)
        finally:
            os.kill(other.process.pid, signal.SIGCONT)
        for node in (server, agent, orphan):
            self.assertTrue(node.process.running())


if __name__ == "__main__":
    unittest.main()
