"""`health_checks`: live and ready over HTTP, of servers and agents, as SPIRE's have them."""

import http.client
import json
import socket
import unittest

from harness import deploy
from harness.case import TestCase, needs_signet
from harness.process import wait_until


@needs_signet
class HealthOverHttp(TestCase):
    def get(self, port, path, method="GET"):
        """(status, content type, body), or None where nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type"), answer.read()
        except OSError:
            return None
        finally:
            connection.close()

    def over(self, **more):
        port = deploy.free_port()
        return port, {"health_checks": {"listener_enabled": True, "bind_address": "127.0.0.1",
                                        "bind_port": str(port), **more}}

    def wait_status(self, port, path, status):
        wait_until(f"{path} to be {status}", lambda: (self.get(port, path) or (0,))[0] == status, 30, 0.1)
        return self.get(port, path)

    def test_a_server_and_an_agent_that_serve(self):
        for impl in ("spire", "signet"):
            with self.subTest(impl=impl):
                server_port, over = self.over(live_path="/health/live", ready_path="/health/ready")
                server = self.server(impl, over, name=f"server-{impl}")
                agent_port, over = self.over()
                agent = self.agent(impl, server, over, name=f"agent-{impl}")
                for scope, port, prefix in (("server", server_port, "/health"), ("agent", agent_port, "")):
                    for path in ("/ready", "/live"):
                        status, kind, body = self.wait_status(port, prefix + path, 200)
                        self.assertEqual((status, kind), (200, "application/json"))
                        self.assertEqual(json.loads(body)[scope], {})
                    self.assertEqual(self.get(port, "/else")[0], 404)
                self.assertEqual(self.get(server_port, "/live")[0], 404)
                agent.stop()
                self.assertIsNone(self.get(agent_port, "/live"))
                server.stop()
                self.assertIsNone(self.get(server_port, "/health/live"))

    def test_an_agent_that_has_not_synced_lives_and_is_not_ready(self):
        server = self.server("signet")
        port, over = self.over()
        agent = self.agent("signet", server, over, start=False)
        token = server.token("/node")
        server.bundle_file()
        (agent.folder / "bundle.pem").write_text((server.folder / "bundle.pem").read_text())
        server.stop()
        agent.start(token=token, wait=False)
        self.assertEqual(json.loads(self.wait_status(port, "/ready", 500)[2]), {"agent": {"err": "not ready"}})
        self.assertEqual(self.get(port, "/live")[0], 200)
        self.assertEqual(self.get(port, "/live", "POST")[0], 405)
        server.start()
        self.wait_status(port, "/ready", 200)

    def test_slow_and_noisy_clients_keep_nobody_from_asking(self):
        """Far more of them than it has places: who has not asked for longest makes room for who asks."""
        port, over = self.over()
        server = self.server("signet", over)
        before = server.process.fds(), server.process.rss_kib(), server.process.threads()
        slow = []
        try:
            for n in range(1_000):
                slow.append(socket.create_connection(("127.0.0.1", port), 20))
                if n % 2:
                    slow[-1].sendall(b"GET /live HT")
                if n % 100 == 0:
                    self.assertEqual(self.get(port, "/live")[0], 200, f"after {n}")
            self.assertEqual(self.get(port, "/ready")[0], 200)
            noisy = socket.create_connection(("127.0.0.1", port), 20)
            slow.append(noisy)
            noisy.sendall(b"x" * 8192)
            self.assertTrue(noisy.recv(4096).startswith(b"HTTP/1.1 4"))
            self.assertLess(server.process.fds() - before[0], 100)
            self.assertLess(server.process.rss_kib() - before[1], 4096)
            self.assertLess(server.process.threads(), before[2] + 4)
        finally:
            for one in slow:
                one.close()

    def test_a_port_that_cannot_be_had_is_said_and_the_role_goes_on(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            over = {"health_checks": {"listener_enabled": True, "bind_port": str(taken.getsockname()[1])}}
            server = self.server("signet", over)
            server.process.wait_log("Error serving health checks")

    def test_without_the_listener_nothing_listens(self):
        port, over = self.over()
        over["health_checks"]["listener_enabled"] = False
        server = self.server("signet", over)
        self.assertIsNone(self.get(port, "/live"))
        self.assertNotIn("HealthChecks", server.process.text())


if __name__ == "__main__":
    unittest.main()
