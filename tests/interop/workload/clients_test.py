"""Clients in other languages, none of them ours, at Signet's agent: java-spiffe, the Rust crate `spiffe`, and
grpc-js with node's cryptography. Each fetches X.509 and JWT, verifies both itself, and has the agent verify the
token; Java also does mutual TLS with our C++ client in both directions.

Only at full size (scripts/test.sh long clients): their tool chains are no part of an ordinary run.
"""

import re
import shutil
import subprocess
import unittest

from harness import paths
from harness.case import TestCase, UID_A, UID_B, needs_root, needs_signet
from harness.process import Process, run, wait_until

TD = "spiffe://example.org"


@needs_root
@needs_signet
@unittest.skipUnless(paths.long_run(), "runs at full size only: scripts/test.sh long clients")
class Clients(TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run([paths.ROOT / "tests" / "peers" / "build.sh", "spiffe-java", "spiffe-rust", "spiffe-js"],
                       check=True)

    def setUp(self):
        server = self.server("signet")
        self.signet = self.agent("signet", server, {"agent": {"experimental": {"sync_interval": "1s"}}})
        self.env = {"SPIFFE_ENDPOINT_SOCKET": f"unix:{self.signet.socket}", "HOME": str(self.folder)}
        server.create_entry("/a", "/node", [f"unix:uid:{UID_A}"])
        server.create_entry("/b", "/node", [f"unix:uid:{UID_B}"])
        self.wait_ids(self.signet, [f"{TD}/a"], uid=UID_A)
        self.wait_ids(self.signet, [f"{TD}/b"], uid=UID_B)

    def program(self, name):
        """A built peer that other uids may run, whoever owns the cache."""
        return self.public_copy(paths.peer(name), name)

    def public_copy(self, source, name):
        copy = self.folder / name
        if not copy.exists():
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy)
        return copy

    def fetches(self, *argv):
        done = run([*argv, "fetch", "db"], uid=UID_A, env=self.env, seconds=60)
        self.assertEqual(done.code, 0, done)
        self.assertEqual(done.out.splitlines(), [
            f"x509 {TD}/a chain=1", "x509-bundle example.org authorities=1", "jwt-bundle example.org keys=1",
            f"jwt {TD}/a", f"jwt-verified-here {TD}/a", f"jwt-verified-by-agent {TD}/a"], done)
        refused = run([*argv, "fetch", "db"], env=self.env, seconds=60)  # our own uid has no entry
        self.assertNotEqual(refused.code, 0, refused)
        self.assertNotIn("x509 ", refused.out)

    def test_rust(self):
        self.fetches(self.program("spiffe-rust") / "spiffe-rust")

    def test_javascript(self):
        folder = self.program("spiffe-js")  # the packages
        shutil.copy(paths.ROOT / "tests" / "peers" / "js" / "spiffe.js", folder)
        descriptors = self.public_copy(paths.ROOT / "tests" / "fixtures" / "wire" / "workload.desc", "workload.desc")
        self.fetches("node", folder / "spiffe.js", descriptors)

    def test_java(self):
        self.fetches(*self.java())

    def java(self):
        folder = self.program("spiffe-java")
        return "java", "-cp", f"{folder}:{folder}/lib/*", "SpiffeJava"

    def test_mutual_tls_between_java_and_our_client(self):
        java = self.java()
        # Java serves, we connect.
        listener = Process("java-server", [*java, "serve", f"{TD}/b"], self.folder / "java-server.log", uid=UID_A,
                           env=self.env)
        self.nodes.append(listener)
        port = wait_until("Java to listen", lambda: re.search(r"listening (\d+)", listener.text()), 60)[1]
        client = self.ours("our-client", self.signet, "client", f"127.0.0.1:{port}", "20", "1", uid=UID_B)
        self.assertEqual(client.wait_exit(60), 0, client.text() + listener.text())
        self.assertEqual(self.json_lines(client)[-1]["handshakes"], 20)
        self.assertEqual(set(re.findall(r"peer (.*)\n", listener.text())), {f"{TD}/b TLSv1.3"})
        # We serve, Java connects; and it expects somebody else.
        _, address = self.our_server("our-server", self.signet, uid=UID_A)
        port = address.rpartition(":")[2]
        done = run([*java, "connect", port, f"{TD}/a"], uid=UID_B, env=self.env, seconds=60)
        # As a client java-spiffe asks Java for TLS 1.2.
        self.assertEqual((done.code, done.out), (0, f"peer {TD}/a TLSv1.2\ngot ping\n"), done)
        refused = run([*java, "connect", port, f"{TD}/other"], uid=UID_B, env=self.env, seconds=60)
        self.assertEqual(refused.code, 1, refused)
        self.assertIn("refused", refused.out)


if __name__ == "__main__":
    unittest.main()
