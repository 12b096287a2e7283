"""Foreign bundle endpoints that mean no good, and federation between two Signets."""

import http.server
import json
import ssl
import threading
import time
import unittest

from harness.case import TestCase, UID_A, UID_B, needs_root, needs_signet
from harness.federation import CrossDomain, Domain, wait_equal, web_certificates
from harness.process import wait_until

GOOD = json.dumps({"keys": []}).encode()


class Peer:
    """An https endpoint for localhost that answers each path as its name says."""

    def __init__(self, cert, key):
        peer = self
        self.asked, self.asked_at = [], []

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                peer.asked.append(self.path)
                peer.asked_at.append(time.monotonic())
                getattr(peer, self.path.strip("/").replace("-", "_"))(self)

        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.httpd.socket = context.wrap_socket(self.httpd.socket, server_side=True,
                                                do_handshake_on_connect=False)
        self.url = f"https://localhost:{self.httpd.server_address[1]}"
        self.over = False
        self.thread = threading.Thread(target=self.httpd.serve_forever, daemon=True)
        self.thread.start()

    def kill(self):
        self.over = True
        self.httpd.shutdown()
        self.httpd.server_close()

    @staticmethod
    def send(handler, body, **headers):
        handler.send_response(200)
        for key, value in headers.items():
            handler.send_header(key.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    def good(self, handler):
        self.send(handler, GOOD, Content_Length=len(GOOD))

    def large(self, handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(100 << 20))
        handler.end_headers()
        try:
            for _ in range(100):
                handler.wfile.write(b" " * (1 << 20))
        except OSError:
            pass

    def slow(self, handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        try:
            while not self.over:
                handler.wfile.write(b" ")
                time.sleep(0.2)
        except OSError:
            pass

    def deep(self, handler):
        self.send(handler, b'{"keys":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}")

    def odd_keys(self, handler):
        self.send(handler, json.dumps({"keys": [{"use": "quantum-svid", "kty": "Q"}] * 3}).encode())

    def many_keys(self, handler):
        self.send(handler, json.dumps({"keys": [{"use": "jwt-svid", "kty": "EC"}] * 101}).encode())

    def broken(self, handler):
        self.send(handler, b'{"keys": [')

    def redirect(self, handler):
        handler.send_response(302)
        handler.send_header("Location", "http://localhost/")
        handler.end_headers()


@needs_signet
class HostilePeer(TestCase):
    def setUp(self):
        ca, cert, key = web_certificates(self.folder / "web")
        self.peer = Peer(cert, key)
        self.nodes.append(self.peer)
        self.ca = ca

    def start(self, private=True):
        over = {"server": {"federation": {"allow_private_endpoints": private}},
                "plugins": {"Federation https": {"plugin_data": {"ca_file": str(self.ca)}}}}
        return self.server("signet", over)

    def federate(self, server, path):
        name = path.strip("/").replace("_", "-") + ".org"
        server.must("federation", "create", "-trustDomain", name, "-bundleEndpointURL",
                    f"{self.peer.url}/{path}", "-bundleEndpointProfile", "https_web")
        return name

    def test_every_kind_of_answer_is_bounded_and_the_last_good_bundle_stays(self):
        server = self.start()
        good = self.federate(server, "good")
        server.must("federation", "refresh", "-id", good)
        self.assertEqual(server.must("bundle", "list", "-id", good, "-format", "spiffe").out.count("keys"), 1)
        for path, word in (("large", "too large"), ("deep", "nested too deeply"),
                           ("odd_keys", "none of the document's keys"), ("many_keys", "more than 100 keys"),
                           ("broken", "malformed"), ("redirect", "redirect")):
            with self.subTest(path=path):
                name = self.federate(server, path)
                result = server.cli("federation", "refresh", "-id", name)
                self.assertEqual(result.code, 1)
                self.assertIn(word, result.err)
                self.assertEqual(server.cli("bundle", "list", "-id", name).code, 1)
                # What was good and is now this stays.
                server.must("federation", "update", "-trustDomain", good, "-bundleEndpointURL",
                            f"{self.peer.url}/{path}", "-bundleEndpointProfile", "https_web")
                self.assertEqual(server.cli("federation", "refresh", "-id", good).code, 1)
                server.must("bundle", "list", "-id", good)

    def test_private_addresses_are_refused_unless_allowed(self):
        server = self.start(private=False)
        name = self.federate(server, "good")
        result = server.cli("federation", "refresh", "-id", name)
        self.assertEqual((result.code, self.peer.asked), (1, []))
        self.assertIn("not a public one", result.err)

    def test_an_endpoint_is_asked_once_a_second_at_most(self):
        server = self.start()
        name = self.federate(server, "good")
        for _ in range(3):
            server.must("federation", "refresh", "-id", name)
        gaps = [b - a for a, b in zip(self.peer.asked_at, self.peer.asked_at[1:])]
        self.assertEqual(len(gaps), 3)
        self.assertGreater(min(gaps), 0.9, gaps)

    def test_slow_peers_do_not_slow_what_is_local(self):
        server = self.start()
        for n in range(12):
            server.must("federation", "create", "-trustDomain", f"slow{n}.org", "-bundleEndpointURL",
                        f"{self.peer.url}/slow", "-bundleEndpointProfile", "https_web")
        wait_until("slow fetches to be under way", lambda: len(self.peer.asked) >= 4, 10)
        self.assertLessEqual(len(self.peer.asked), 4, "so many at once")
        began = time.monotonic()
        for n in range(5):
            server.must("x509", "mint", "-spiffeID", f"spiffe://example.org/{n}")
        self.assertLess(time.monotonic() - began, 5 * 1.5)
        began = time.monotonic()
        self.assertEqual(server.stop(), 0)
        self.assertLess(time.monotonic() - began, 8, "a slow fetch does not hold up the end")


@needs_root
@needs_signet
class TwoSignets(TestCase):
    def test_rotation_every_ten_seconds_under_cross_domain_verification(self):
        """Refresh hint 1 s, four seconds from prepare to activate, both sides."""
        a = Domain(self, "signet", "one.org", UID_A, hint="1s")
        b = Domain(self, "signet", "two.org", UID_B, hint="1s")
        for domain, other in ((a, b), (b, a)):
            domain.federates_with(other)
        for domain in (a, b):
            domain.start()
        for domain, other in ((a, b), (b, a)):
            domain.learn(other)
            domain.start_workload(other)
        wait_equal(a, b)
        traffic = CrossDomain(self, a, b)
        for _ in range(3):
            for domain in (a, b):
                domain.prepare()
            traffic.run(4)
            for domain in (a, b):
                domain.activate()
                old = domain.authorities("x509")["old"]["authority_id"]
                domain.server.must("localauthority", "x509", "taint", "-authorityID", old)
            traffic.run(6)
        client, server = traffic.finish()
        self.assertGreaterEqual(len(client["peer_serials"]), 3)
        wait_equal(a, b)
        print(f"    {client['ok']} handshakes, {traffic.tokens} tokens, "
              f"{len(client['peer_serials'])} and {len(server['peer_serials'])} certificates")

    def test_a_restart_goes_on_with_what_is_stored(self):
        a = Domain(self, "signet", "one.org", hint="1s")
        b = Domain(self, "signet", "two.org", hint="1s")
        for domain in (a, b):
            domain.start()
        for domain, other in ((a, b), (b, a)):
            domain.create_relationship(other)
        a.server.kill()
        b.prepare()
        a.server.start()
        wait_equal(a, b)
        self.assertIn("two.org", a.server.must("federation", "list").out)

    def test_bundle_publishers_write_what_the_server_publishes(self):
        path = self.folder / "bundle.json"
        a = Domain(self, "signet", "one.org", over={"plugins": {"BundlePublisher file": {
            "plugin_data": {"path": str(path), "format": "spiffe"}}}})
        a.start()
        before = path.read_text()
        a.prepare()
        wait_until("the file to follow", lambda: len(json.loads(path.read_text())["keys"]) == 4, 10)
        self.assertNotEqual(path.read_text(), before)


if __name__ == "__main__":
    unittest.main()
