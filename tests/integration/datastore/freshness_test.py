"""How old what a server serves may be: what is revoked is refused everywhere within a second, and a
server whose database is away serves what it knows for as long as its owner allows."""

import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import time
import unittest

from harness import paths, postgres
from harness.case import TestCase, needs_signet
from harness.process import wait_until

TD = "spiffe://example.org"
PACKAGE = "spire.api.server"
LISTENERS = ("SELECT pid FROM pg_stat_activity WHERE datname = '{}' AND query LIKE '%log_start%' "
             "AND query NOT LIKE 'BEGIN%'")


class Caller:
    """An agent that attested with a join token and then calls a server of its choice."""

    def __init__(self, case, server, name):
        self.case = case
        self.dir = case.folder / name
        self.dir.mkdir()
        _, lines = case.probe("join", "-addr", f"127.0.0.1:{server.port}", "-token",
                              server.token("/node"), "-dir", self.dir)
        self.id = lines[0]["spiffe_id"]

    def call(self, server, method, request, *more):
        _, lines = self.case.probe("call", "-addr", f"127.0.0.1:{server.port}", "-dir", self.dir,
                                   "-method", f"{PACKAGE}.{method}", *more,
                                   stdin=json.dumps(request))
        return [line.get("answer") for line in lines[:-1]], lines[-1]

    def token(self, server, entry):
        """The code of the answer to a request for a JWT-SVID, and its text."""
        _, end = self.call(server, "svid.v1.SVID/NewJWTSVID",
                           {"entry_id": entry, "audience": ["a"]})
        return end["code"], end["message"]

    def connect(self, server):
        """An HTTP/2 connection with its certificate, on which nothing is asked."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        context.load_cert_chain(self.dir / "svid.pem", self.dir / "key.pem")
        s = context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), 10))
        s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
        s.settimeout(10 * paths.slow())
        assert s.recv(9)  # its settings
        return s


def ends_after(connection):
    """Seconds until the other side ends it."""
    began = time.monotonic()
    try:
        while connection.recv(4096):
            pass
    except (ConnectionResetError, ssl.SSLError):
        pass
    connection.close()
    return time.monotonic() - began


@unittest.skipUnless(postgres.installed(), "PostgreSQL is not installed (postgresql-15)")
@needs_signet
class Freshness(TestCase):
    def setUp(self):
        self.database = postgres.Postgres(self.folder / "pg").start()
        self.addCleanup(self.database.kill)

    def node(self, name, **settings):
        return self.server("signet", {
            "server": settings, "plugins": {"DataStore sql": self.database.data_store()}}, name=name)

    def entry(self, server, path, *more):
        return server.create_entry(path, "/node", [f"unix:uid:{os.geteuid()}"], *more)

    def hang_listeners(self):
        """Every server's LISTEN session hangs; all else works."""
        pids = [int(pid) for pid in self.database.sql(LISTENERS.format("signet")).split()]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
            self.addCleanup(resume, pid)
        return pids

    def test_what_is_revoked_is_refused_by_every_server_within_a_second(self):
        first, second = self.node("first"), self.node("second")
        entry = self.entry(first, "/w")
        admin = self.folder / "admin"
        admin.mkdir()
        by_entry = self.entry(first, "/admin", "-admin")
        first.must("x509", "mint", "-spiffeID", f"{TD}/admin", "-write", admin)

        def count(server):
            _, lines = self.probe("call", "-addr", f"127.0.0.1:{server.port}", "-dir", admin,
                                  "-method", f"{PACKAGE}.agent.v1.Agent/CountAgents", stdin="{}")
            return lines[-1]["code"]

        banned, evicted = Caller(self, first, "banned"), Caller(self, first, "evicted")
        for hang in (False, True):
            with self.subTest(listeners="hang" if hang else "listen"):
                if hang:
                    banned = Caller(self, first, "banned2")
                    evicted = Caller(self, first, "evicted2")
                    by_entry = self.entry(first, "/admin", "-admin")
                # Attested at the first one a moment ago: no server says that it never was.
                self.assertIn(banned.token(second, entry)[0], ("OK", "NotFound"))
                wait_until("the second server to know all", lambda: (
                    banned.token(second, entry)[0], evicted.token(second, entry)[0],
                    count(second)) == ("OK", "OK", "OK"))
                if hang:
                    self.assertEqual(len(self.hang_listeners()), 2)
                connections = [(who, server, who.connect(server)) for who in (banned, evicted)
                               for server in (first, second)]
                first.must("agent", "ban", "-spiffeID", banned.id)
                first.must("agent", "evict", "-spiffeID", evicted.id)
                first.must("entry", "delete", "-entryID", by_entry)
                answered = time.monotonic()
                for who, server, connection in connections:
                    self.assertLess(ends_after(connection), 5 * paths.slow(), (who.id, server.name))
                time.sleep(max(0.0, answered + 1 - time.monotonic()))
                for server in (first, second):  # guarded at five times the second
                    wait_until(f"{server.name} to refuse all of them", lambda s=server: {
                        banned.token(s, entry)[0], evicted.token(s, entry)[0], count(s)} == {"PermissionDenied"}, 4)

    def test_without_its_database_a_server_serves_what_it_knows_for_a_while(self):
        offline = 15
        server = self.node("server", offline_issuance=f"{offline}s")
        strict = self.node("strict", offline_issuance="0s")
        entry = self.entry(server, "/w")
        agent = Caller(self, server, "agent")
        csr = key_and_csr(self.folder)
        token = server.token("/late")
        for node in (server, strict):
            wait_until(f"{node.name} to know all", lambda: agent.token(node, entry)[0] == "OK")
        ends = int(time.time()) + 6
        soon = self.entry(server, "/soon", "-entryExpiry", str(ends))
        self.assertEqual(agent.token(server, soon)[0], "OK")
        self.database.kill()
        killed = time.monotonic()
        wait_until("the strict server to refuse", lambda: agent.token(strict, entry)[0] != "OK", 5)
        code, text = agent.token(strict, entry)
        self.assertEqual(code, "Unavailable")
        self.assertIn("the datastore is away", text)
        self.assertFalse(strict.healthy())
        # The other one serves, and says so.
        answers, end = agent.call(server, "svid.v1.SVID/BatchNewX509SVID",
                                  {"params": [{"entry_id": entry, "csr": csr}]})
        self.assertEqual((end["code"], answers[0]["results"][0]["status"].get("code", 0)), ("OK", 0))
        self.assertEqual(agent.token(server, entry)[0], "OK")
        _, end = agent.call(server, "entry.v1.Entry/GetAuthorizedEntries", {})
        self.assertEqual(end["code"], "OK")
        self.assertTrue(server.healthy())
        wait_until("it to say so", lambda: "The datastore is away." in server.cli(
            "healthcheck", "-verbose").out, 5)
        # What needs the database fails, and says why.
        _, end = self.call(server, f"{PACKAGE}.agent.v1.Agent/BanAgent", {
            "id": {"trust_domain": "example.org", "path": agent.id[len(TD):]}})
        self.assertEqual(end["code"], "Unavailable")
        _, end = self.call(server, f"{PACKAGE}.agent.v1.Agent/CreateJoinToken", {"ttl": 60})
        self.assertEqual(end["code"], "Unavailable")
        answers, _ = self.call(server, f"{PACKAGE}.entry.v1.Entry/BatchDeleteEntry", {"ids": [entry]})
        self.assertEqual(answers[0]["results"][0]["status"]["code"], 14)
        code, lines = self.probe("join", "-addr", f"127.0.0.1:{server.port}", "-token", token, "-dir",
                                 self.folder)
        self.assertEqual((code != 0, lines[0]["code"]), (True, "Unavailable"))
        # An entry ends at its second all the same; all ends when the time is over.
        time.sleep(max(0.0, ends - time.time()))
        self.assertIn(agent.token(server, soon)[0], ("NotFound", "Unavailable"))
        wait_until("the time to be over", lambda: agent.token(server, entry)[0] != "OK", offline + 5)
        self.assertGreater(time.monotonic(), killed + offline - 1)
        code, text = agent.token(server, entry)
        self.assertEqual(code, "Unavailable")
        self.assertIn("offline_issuance", text)
        self.assertFalse(server.healthy())
        self.database.start()
        for node in (server, strict):
            wait_until(f"{node.name} to serve again", lambda: agent.token(node, entry)[0] == "OK", 20)
            wait_until(f"{node.name} to be healthy", node.healthy)
        self.entry(server, "/after")
        wait_until("nothing to be away any more", lambda: server.cli("healthcheck", "-verbose").out ==
                   "Checking server health...\nServer is healthy.\n")


def resume(pid):
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass


def key_and_csr(folder):
    """A new key's CSR in base64, as the API's JSON has it."""
    made = subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", folder / "csr.key", "-subj", "/", "-outform", "DER"],
        capture_output=True, check=True)
    return base64.b64encode(made.stdout).decode()


if __name__ == "__main__":
    unittest.main()
