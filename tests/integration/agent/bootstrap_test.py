"""An agent's first trust bundle that is no file: from an https URL, or whoever listens on a Unix socket."""

import http.server
import os
import socketserver
import ssl
import threading
import unittest
import urllib.parse

from harness.case import OUR_UID, TestCase, needs_signet
from harness.certificates import Certificate
from harness.process import wait_until

IMPL = os.environ.get("SIGNET_TEST_IMPL", "signet")  # `spire` shows that the test itself is right
ME = "spiffe://example.org/me"
# The agent's log when it was given something that is no bundle.
UNPARSABLE = {"signet": "unable to parse trust bundle", "spire": "no PEM blocks"}[IMPL]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.bundle)

    def address_string(self):
        return "client"  # a Unix socket's peer has no address

    def log_message(self, *_):
        pass


@needs_signet
class Bootstrap(TestCase):
    def serve(self, server, text):
        server.asked, server.bundle, server.status = [], text.encode(), 200
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(lambda: (server.shutdown(), server.server_close(), thread.join()))
        return server

    def https(self, text):
        """A web server whose certificate is signed by an authority of its own: (server, URL, that authority)."""
        authority = Certificate(self.folder / "web", "ca", "DNS:authority.example")
        leaf = Certificate(self.folder / "web", "leaf", "DNS:localhost", authority)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(leaf.pem, leaf.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        self.serve(server, text)
        return server, f"https://localhost:{server.server_port}/bundle", authority.pem

    def agent_from(self, server, **settings):
        return self.agent(IMPL, server, {"agent": {"trust_bundle_path": None, **settings}}, start=False)

    def served(self):
        server = self.server(IMPL)
        server.create_entry("/me", "/node", [OUR_UID])
        return server

    def test_from_an_https_url_in_both_forms(self):
        server = self.served()
        for form in ("pem", "spiffe"):
            with self.subTest(form=form):
                web, url, authority = self.https(server.must("bundle", "show", "-format", form).out)
                agent = self.agent_from(server, trust_bundle_url=url, trust_bundle_format=form)
                agent.start(env={"SSL_CERT_FILE": str(authority)})
                self.wait_ids(agent, [ME])
                self.assertEqual(web.asked, ["/bundle"])

    def test_a_web_server_that_the_system_does_not_trust_gives_no_bundle(self):
        server = self.served()
        web, url, _ = self.https(server.must("bundle", "show").out)
        agent = self.agent_from(server, trust_bundle_url=url)
        agent.start(wait=False)
        wait_until("the reason in the log", lambda: "certificate" in agent.process.text())
        self.assertEqual(web.asked, [])
        self.assertFalse(agent.socket.exists())

    def test_an_answer_that_is_no_bundle(self):
        server = self.served()
        web, url, authority = self.https("<html>come back later</html>")
        for status, reason in ((200, UNPARSABLE), (503, "503")):
            with self.subTest(status=status):
                web.status = status
                agent = self.agent_from(server, trust_bundle_url=url)
                agent.start(env={"SSL_CERT_FILE": str(authority)}, wait=False)
                wait_until("the reason in the log", lambda: reason in agent.process.text())
                self.assertFalse(agent.socket.exists())
                agent.kill()

    def test_from_a_unix_socket_which_is_told_who_asks(self):
        server = self.served()
        (self.folder / "b").mkdir()
        path = self.folder / "b" / "bundle.sock"
        giver = self.serve(socketserver.ThreadingUnixStreamServer(str(path), Handler), server.must("bundle", "show").out)
        agent = self.agent_from(server, trust_bundle_url="http://localhost/the/bundle?site=b",
                                trust_bundle_unix_socket=str(path))
        agent.start()
        self.wait_ids(agent, [ME])
        where, _, query = giver.asked[0].partition("?")
        self.assertEqual(where, "/the/bundle")
        said = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        self.assertRegex(said.pop("spire-attest-start-time"), r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d")
        self.assertRegex(said.pop("spire-connection-attempts"), r"^\d+$")
        self.assertEqual(said, {
            "site": "b", "spire-attest-mode": "bootstrap", "spire-server-address": server.address,
            "spire-server-port": str(server.port), "spiffe-trust-domain": "example.org"})


if __name__ == "__main__":
    unittest.main()
