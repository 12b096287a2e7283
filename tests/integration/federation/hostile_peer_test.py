"""Foreign bundle endpoints that mean no good."""

import base64
import http.server
import json
import ssl
import threading
import time
import unittest

from harness import paths
from harness.case import TestCase, needs_signet
from harness.certificates import Certificate
from harness.federation import web_certificates
from harness.process import run, wait_until

SECONDS = 60 if paths.long_run() else 10
GOOD = json.dumps({"keys": []}).encode()
# The base point of the curve: a public key that is one.
P256 = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
# Each a path of Peer, and what the refusal says.
REFUSED = {"large": "too large", "deep": "nested too deeply", "odd_keys": "none of the document's keys",
           "many_keys": "more than 100 keys", "broken": "malformed", "redirect": "redirect"}


def x509_key(certificate):
    """A key entry of a bundle document for a PEM file of an EC P-256 certificate."""
    text = run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"]).out
    spki = base64.b64decode("".join(text.splitlines()[1:-1]))
    x, y = (base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (spki[-64:-32], spki[-32:]))
    der = "".join(certificate.read_text().splitlines()[1:-1])
    return {"use": "x509-svid", "kty": "EC", "crv": "P-256", "x": x, "y": y, "x5c": [der]}


class Peer:
    """An https endpoint for localhost that answers each path as its name says."""

    def __init__(self, cert, key):
        peer = self
        self.asked, self.asked_at = [], []
        self.documents = {}  # of the path `document`, by what is behind its question mark

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                peer.asked.append(self.path)
                peer.asked_at.append(time.monotonic())
                getattr(peer, self.path.strip("/").split("?")[0])(self)

        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        self.httpd.handle_error = lambda *_: None  # who is refused says so; the server's log has it
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

    def document(self, handler):
        body = json.dumps(self.documents[handler.path.partition("?")[2]]).encode()
        self.send(handler, body, Content_Length=len(body))

    def restless(self, handler):
        """All that a document may have, to be read again after a second, and never twice the same."""
        x, y = (base64.urlsafe_b64encode(n.to_bytes(32, "big")).decode().rstrip("=") for n in P256)
        body = json.dumps({"spiffe_refresh_hint": 1, "padding": " " * (3 << 20), "keys": [
            {"use": "jwt-svid", "kty": "EC", "crv": "P-256", "x": x, "y": y,
             "kid": f"{len(self.asked)}-{n}-{'k' * 4000}"} for n in range(100)]}).encode()
        self.send(handler, body, Content_Length=len(body))

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
        name = path.replace("_", "-").replace("?", ".") + ".org"
        server.must("federation", "create", "-trustDomain", name, "-bundleEndpointURL",
                    f"{self.peer.url}/{path}", "-bundleEndpointProfile", "https_web")
        return name

    def test_every_kind_of_answer_is_bounded_and_the_last_good_bundle_stays(self):
        server = self.start()
        good = self.federate(server, "good")
        server.must("federation", "refresh", "-id", good)
        self.assertEqual(server.must("bundle", "list", "-id", good, "-format", "spiffe").out.count("keys"), 1)
        for path, word in REFUSED.items():
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
        began = time.monotonic()
        name = self.federate(server, "good")
        wait_until("it to be asked", lambda: self.peer.asked)
        for _ in range(3):
            server.must("federation", "refresh", "-id", name)
        # From before the first to behind the last: what is between two, a busy machine makes shorter at this end.
        took = time.monotonic() - began
        self.assertEqual(len(self.peer.asked), 4)
        self.assertGreater(took, 3 * 0.99, self.peer.asked_at)

    def issue(self, server, seconds, agent=None):
        """SVIDs one after another for so long, over the admin socket and by an agent over TCP: by caller the milliseconds of the median one and of the second slowest of a hundred."""
        def csr(path):
            return self.probe("csr", "-spiffe-id", f"spiffe://example.org{path}")[1][0]["csr"]
        tcp = ["-addr", f"127.0.0.1:{server.port}", "-dir", agent]
        calls = {
            "admin_x509": (["-socket", server.socket], "MintX509SVID", {"csr": csr("/local")}),
            "agent_x509": (tcp, "BatchNewX509SVID", {"params": [{"entry_id": "local", "csr": csr("/local")}]}),
            "agent_jwt": (tcp, "NewJWTSVID", {"entry_id": "local", "audience": ["peer"]}),
        }
        if not agent:
            calls = {"admin_x509": calls["admin_x509"]}
        took, end = {name: [] for name in calls}, time.monotonic() + seconds
        while time.monotonic() < end:
            for name, (where, method, request) in calls.items():
                lines = self.probe("call", *where, "-method", f"spire.api.server.svid.v1.SVID/{method}",
                                   "-repeat", "100", "-quiet", stdin=json.dumps(request))[1]
                self.assertEqual({line["code"] for line in lines}, {"OK"}, name)
                took[name] += [1000 * line["seconds"] for line in lines]
        return {name: [round(sorted(all)[len(all) * part // 100], 2) for part in (50, 98)]
                for name, all in took.items()}

    def test_no_peer_slows_what_is_local(self):
        server = self.start()
        agent = server.folder / "agent"
        agent.mkdir()
        self.probe("join", "-addr", f"127.0.0.1:{server.port}", "-token", server.token("/host"), "-dir", agent)
        server.create_entry("/local", "/host", ["unix:uid:1"], "-entryID", "local")
        quiet = self.issue(server, SECONDS / 3, agent)
        places = [f"{kind}?{n}" for kind in ("slow", "restless", *REFUSED) for n in range(3)]
        for place in places:
            self.federate(server, place)
        # Every one of them has been asked, though four slow ones may be under way at a time.
        wait_until("all to be asked", lambda: set(f"/{p}" for p in places) <= set(self.peer.asked), 60)
        asked = len(self.peer.asked)
        busy = self.issue(server, SECONDS, agent)
        self.assertGreater(len(self.peer.asked) - asked, SECONDS, "they were there all the time")
        self.figures(peers=len(places), asked_meanwhile=len(self.peer.asked) - asked,
                     quiet_p50_p98_ms=quiet, with_hostile_peers_p50_p98_ms=busy)
        for name in quiet:
            self.assertLess(busy[name][0], max(5 * quiet[name][0], 10), f"{name}: the median")
            self.assertLess(busy[name][1], max(5 * quiet[name][1], 100), f"{name}: the slow ones")
        began = time.monotonic()
        self.assertEqual(server.stop(), 0)
        self.assertLess(time.monotonic() - began, 8, "a slow fetch does not hold up the end")

    def test_an_answer_that_drips_is_given_up_after_ten_seconds(self):
        server = self.start()
        name = self.federate(server, "slow")
        wait_until("it to be asked", lambda: self.peer.asked)
        server.process.wait_log("Error updating bundle", 30)
        took = time.monotonic() - self.peer.asked_at[0]
        self.assertTrue(8 < took < 20, took)
        line = next(line for line in server.process.text().splitlines() if "Error updating bundle" in line)
        self.assertIn(name, line)
        self.assertRegex(line, "time|deadline")

    def test_four_are_asked_at_once(self):
        server = self.start()
        for n in range(12):
            self.federate(server, f"slow?{n}")
        wait_until("slow fetches to be under way", lambda: len(self.peer.asked) >= 4, 10)
        self.assertLessEqual(len(self.peer.asked), 4, "so many at once")

    def test_keys_that_are_expired_or_ours_change_nothing_here(self):
        """A document may say what it likes of its own trust domain, and of no other."""
        server = self.start()
        own = server.must("bundle", "show", "-format", "spiffe").out
        expired = Certificate(self.folder / "expired", "root", "URI:spiffe://other.org",
                              valid=("20200101", "20210101"))
        self.peer.documents = {"expired": {"keys": [x509_key(expired.pem)]}, "ours": json.loads(own)}
        for which in self.peer.documents:
            name = self.federate(server, f"document?{which}")
            server.must("federation", "refresh", "-id", name)
        self.assertEqual(server.must("bundle", "show", "-format", "spiffe").out, own)
        self.issue(server, 0.1)
        # Our own name is not taken at all.
        result = server.cli("federation", "create", "-trustDomain", "example.org", "-bundleEndpointURL",
                            self.peer.url, "-bundleEndpointProfile", "https_web")
        self.assertEqual(result.code, 1)

    def test_a_lower_sequence_is_taken_and_audited(self):
        server = self.start()
        self.peer.documents["one"] = {"spiffe_sequence": 9, "keys": []}
        name = self.federate(server, "document?one")
        server.must("federation", "refresh", "-id", name)
        self.peer.documents["one"]["spiffe_sequence"] = 3
        server.must("federation", "refresh", "-id", name)
        line = next(x for x in server.process.text().splitlines() if "lower sequence number" in x)
        for word in ("level=warn", "type=audit", f"trust_domain_id={name}", "previous_sequence_number=9"):
            self.assertIn(word, line)
        self.assertIn('"spiffe_sequence": 3', server.must("bundle", "list", "-id", name, "-format", "spiffe").out)

    def test_an_endpoint_proves_who_it_is(self):
        """https_spiffe: exactly the configured ID, from its trust domain's stored bundle, in time."""
        folder = self.folder / "spiffe"
        root = Certificate(folder, "root", "URI:spiffe://other.org")
        stranger = Certificate(folder, "stranger", "URI:spiffe://other.org")
        the_id = "URI:spiffe://other.org/bundle"
        bundle = folder / "other.json"
        document = {"keys": [x509_key(root.pem)]}
        bundle.write_text(json.dumps(document))
        server = self.start()
        good = {"name": "good", "san": the_id, "signer": root}
        for n, (change, code) in enumerate((
                ({}, 0), ({"san": "URI:spiffe://other.org/else"}, 1),
                ({"san": "URI:spiffe://wrong.org/bundle"}, 1), ({"san": "DNS:localhost"}, 1),
                ({"signer": stranger}, 1), ({"valid": ("20200101", "20210101")}, 1),
                ({"valid": ("20980101", "20990101")}, 1))):
            with self.subTest(change=change):
                shown = Certificate(folder, **{**good, "name": f"leaf{n}", **change})
                peer = Peer(shown.pem, shown.key)
                peer.documents["root"] = document
                self.nodes.append(peer)
                server.must("federation", "create" if n == 0 else "update", "-trustDomain", "other.org",
                            "-bundleEndpointURL", f"{peer.url}/document?root", "-bundleEndpointProfile",
                            "https_spiffe", "-endpointSpiffeID", "spiffe://other.org/bundle",
                            "-trustDomainBundlePath", bundle, "-trustDomainBundleFormat", "spiffe")
                self.assertEqual(server.cli("federation", "refresh", "-id", "other.org").code, code)
                self.assertEqual(bool(peer.asked), code == 0, "nothing is said to an impostor")

    def test_a_web_certificate_is_in_time_and_for_the_host(self):
        server = self.start()
        web = Certificate(self.folder / "web2", "ca", "DNS:authority")
        self.ca.write_text(web.pem.read_text())
        for n, (san, valid) in enumerate((("DNS:localhost", ("20200101", "20210101")),
                                          ("DNS:elsewhere", ("20200101", "20990101")))):
            shown = Certificate(self.folder / "web2", f"leaf{n}", san, web, valid)
            peer = Peer(shown.pem, shown.key)
            self.nodes.append(peer)
            name = f"web{n}.org"
            server.must("federation", "create", "-trustDomain", name, "-bundleEndpointURL",
                        f"{peer.url}/good", "-bundleEndpointProfile", "https_web")
            self.assertEqual(server.cli("federation", "refresh", "-id", name).code, 1)
            self.assertEqual(peer.asked, [])


if __name__ == "__main__":
    unittest.main()
