"""Two real Envoys make mutual TLS with what the agent gives them over SDS, configured as docs/envoy.md
says: once with StreamSecrets and once with DeltaSecrets, through rotations and to an entry's end.
"""

import http.client
import json
import os
import re
import shutil
import unittest

from harness import paths
from harness.case import TestCase, UID_A, UID_B, UID_STRANGER, needs_root, needs_signet
from harness.process import Process, wait_until

TD = "spiffe://example.org"
TTL = 16  # seconds; Envoy goes on with what it has, until that expires
MOSTLY_WAITS = True


def documented(name):
    """The configuration called `name`.yaml in the document."""
    text = (paths.ROOT / "docs" / "envoy.md").read_text()
    return re.search(rf"`{name}\.yaml`.*?```yaml\n(.*?)```", text, re.DOTALL)[1]


class Envoy:
    """An Envoy under a uid, on ports that the system chooses."""

    def __init__(self, case, name, document, agent, uid, api_type, upstream=None):
        folder = case.folder / name
        folder.mkdir()
        os.chown(folder, uid, uid)
        text = documented(document)
        for old, new in [("path: /tmp/spire-agent/public/api.sock", f"path: {agent.socket}"),
                         ("api_type: GRPC", f"api_type: {api_type}")]:
            assert old in text, old
            text = text.replace(old, new)
        ports = {"9901": 0, "9902": 0, "8443": 0 if upstream is None else upstream, "8080": 0}
        text = re.sub(r"port_value: (\d+)", lambda m: f"port_value: {ports[m[1]]}", text)
        # Each request is a new handshake, so that each shows what is believed now.
        text = text.replace("  - name: web\n    load_assignment:",
                            "  - name: web\n    max_requests_per_connection: 1\n    load_assignment:")
        config = folder / "envoy.yaml"
        config.write_text(text)
        admin = folder / "admin"
        self.process = Process(name, [case.envoy_path(), "-c", config, "--admin-address-path", admin, "--concurrency", "1",
                                      "--disable-hot-restart", "--log-level", "warning"],
                               folder / "envoy.log", uid=uid, cwd=folder)
        case.nodes.append(self.process)
        wait_until(f"{name}'s admin port", lambda: self.alive() and admin.exists() and admin.read_text().strip())
        self.admin = admin.read_text().strip()

    def alive(self):
        assert self.process.running(), self.process.text()[-2000:]
        return True

    def get(self, address, path):
        connection = http.client.HTTPConnection(address, timeout=10 * paths.slow())
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def ask_admin(self, path):
        return json.loads(self.get(self.admin, path)[1])

    def address(self):
        """Of its listener, which is there once its certificate and bundle are."""
        def look():
            self.alive()
            ready = self.get(self.admin, "/ready")[0] == 200
            found = self.ask_admin("/listeners?format=json").get("listener_statuses", [])
            return ready and found and found[0]["local_address"]["socket_address"]
        where = wait_until(f"{self.process.name}'s listener", look, 30, 0.1)
        return f"{where['address']}:{where['port_value']}"

    def serials(self):
        return {chain["serial_number"] for c in self.ask_admin("/certs").get("certificates", [])
                for chain in c.get("cert_chain", [])}

    def counter(self, suffix):
        return sum(s["value"] for s in self.ask_admin("/stats?format=json")["stats"]
                   if s.get("name", "").endswith(suffix))

    def call(self, address):
        return self.get(address, "/")

    def stop(self):
        assert self.process.terminate() == 0


class Pair:
    """A web and a shop with one kind of stream."""

    def __init__(self, case, agent, api_type, thief_runs):
        self.name = api_type
        self.web = Envoy(case, f"web-{api_type}", "web", agent, UID_A, api_type)
        self.port = self.web.address().rpartition(":")[2]
        self.shop = Envoy(case, f"shop-{api_type}", "shop", agent, UID_B, api_type, self.port)
        self.thief = Envoy(case, f"thief-{api_type}", "shop", agent, UID_STRANGER, api_type, self.port)
        thief_runs()
        self.at, self.thief_at = self.shop.address(), self.thief.address()

    def answered(self):
        return self.shop.call(self.at) == (200, "welcome\n")

    def envoys(self):
        return self.web, self.shop, self.thief


@needs_root
@needs_signet
class EnvoyTest(TestCase):
    def envoy_path(self):
        """A copy that other uids can reach, whoever owns the cache."""
        copy = self.folder / "envoy"
        if not copy.exists():
            shutil.copy(paths.peer("envoy"), copy)
            copy.chmod(0o755)
        return copy

    def test_two_envoys_make_mutual_tls(self):
        server = self.server("signet", {"server": {"default_x509_svid_ttl": f"{TTL}s"}})
        agent = self.agent("signet", server, {"agent": {"experimental": {"sync_interval": "1s", "hold": "10s"}}})
        server.create_entry("/web", "/node", [f"unix:uid:{UID_A}"])
        shop = server.create_entry("/shop", "/node", [f"unix:uid:{UID_B}"])
        for uid, name in ((UID_A, "web"), (UID_B, "shop")):
            self.wait_ids(agent, [f"{TD}/{name}"], uid=uid)
        # This one is there before its entry: it waits for it.
        pairs = [Pair(self, agent, "GRPC", lambda: server.create_entry("/thief", "/node", [f"unix:uid:{UID_STRANGER}"])),
                 Pair(self, agent, "DELTA_GRPC", lambda: None)]
        self.assertNotRegex(agent.process.text(), rf"caller_uid={UID_STRANGER} .*status=INVALID_ARGUMENT")
        for pair in pairs:
            with self.subTest(pair=pair.name):
                wait_until("the first answer", pair.answered)
                # Of the same trust domain, and not the one that may call.
                self.assertEqual(pair.thief.call(pair.thief_at)[0], 503)
                self.assertGreaterEqual(pair.web.counter("ssl.fail_verify_san"), 1)

        first = {pair.name: (pair.web.serials(), pair.shop.serials()) for pair in pairs}
        bundles = {envoy: envoy.counter("ROOTCA.update_success") for pair in pairs for envoy in pair.envoys()}
        prepared = json.loads(server.must("localauthority", "x509", "prepare", "-output", "json").out)
        for envoy, before in bundles.items():
            wait_until("the new authority", lambda envoy=envoy, before=before:
                       envoy.counter("ROOTCA.update_success") > before, interval=0.1)
        server.must("localauthority", "x509", "activate", "-authorityID", prepared["prepared_authority"]["authority_id"])
        for pair in pairs:
            with self.subTest("rotation", pair=pair.name):
                for envoy, before in zip((pair.web, pair.shop), first[pair.name]):
                    wait_until("other certificates", lambda envoy=envoy, before=before: not envoy.serials() & before,
                               TTL * 2, 0.2)
                self.assertTrue(pair.answered())

        server.must("entry", "delete", "-entryID", shop)
        for pair in pairs:
            with self.subTest("deletion", pair=pair.name):
                wait_until("the shop to be refused", lambda pair=pair: not pair.answered(), TTL * 2, 0.2)
                self.assertEqual(pair.shop.call(pair.at)[0], 503)

        # A stream of the one kind has ended and is tried again, ever more rarely; the other is still open.
        server.create_entry("/shop", "/node", [f"unix:uid:{UID_B}"])
        wait_until("the shop to be served again", pairs[1].answered)
        for pair in pairs:
            with self.subTest("end", pair=pair.name):
                for envoy in pair.envoys():
                    self.assertEqual(envoy.counter("update_rejected"), 0, "nothing was refused by an Envoy")
                    envoy.stop()

    def test_an_envoy_that_was_told_that_there_is_no_identity_tries_again(self):
        server = self.server("signet")
        agent = self.agent("signet", server, {"agent": {"experimental": {"hold": "1s"}}})
        web = Envoy(self, "web", "web", agent, UID_A, "GRPC")
        wait_until("it to be refused", lambda: re.search(
            rf"caller_uid={UID_A} .*status=PERMISSION_DENIED", agent.process.text()), 30)
        server.create_entry("/web", "/node", [f"unix:uid:{UID_A}"])
        web.address()
        self.assertTrue(web.serials())
        self.assertNotRegex(agent.process.text(), rf"caller_uid={UID_A} .*status=INVALID_ARGUMENT")


if __name__ == "__main__":
    unittest.main()
