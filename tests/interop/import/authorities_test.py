"""Taking over a SPIRE server's authorities: below an upstream one, with keys of WIT-SVIDs, and those of
one of several servers. Meanwhile go-spiffe verifies SVIDs of one agent with the bundle of another.
"""

import base64
import json
import os
import unittest

from harness import postgres
from harness.case import UID_A, needs_root, needs_signet
from harness.certificates import Certificate
from harness.process import wait_until
from harness.spire_import import ImportCase, import_spire, listed

TD = "spiffe://example.org"
# Workloads rotate every 10 s; the agents' own SVIDs stay.
SHORT = {"default_x509_svid_ttl": "20s", "agent_ttl": "1h"}
QUICK = {"agent": {"experimental": {"sync_interval": "1s"}}}
P256 = ("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEH9pD7THDvlzcIqPQnuxAeLmEDiib/+Qwuij8nyTDkhc7CiMsLxMr"
        "+Hlyut4+eIp8lBILSXYuCm9ITuEax+hj3A==")


@needs_root
@needs_signet
class Authorities(ImportCase):
    def take_over(self, signet, spire, says="Imported. Start the server"):
        done = import_spire(signet, spire)
        self.assertEqual(done.code, 0, done)
        self.assertIn(says, done.out)
        self.assertNotIn("No authority of these keys is on record", done.out)
        signet.start()
        self.assertNotIn("cannot be used", signet.process.text())

    def agents_at(self, *servers):
        """A SPIRE agent at each, which gives UID_A the same identity."""
        agents = []
        for n, server in enumerate(servers):
            agents.append(self.agent("spire", server, QUICK, name=f"agent{n}", path=f"/node{n}"))
            server.create_entry("/me", f"/node{n}", [f"unix:uid:{UID_A}"])
        for agent in agents:
            self.wait_ids(agent, [f"{TD}/me"], uid=UID_A)
        return agents

    def verify_across(self, agents):
        sockets = ",".join(str(agent.socket) for agent in agents)
        self.verifier = self.watch("verifier", "cross", "-sockets", sockets, "-spiffe-id", f"{TD}/me",
                                   "-rate", "10", uid=UID_A)
        wait_until("the first verified SVIDs", lambda: self.verified() > (0, 0))

    def verified(self):
        """JWT-SVIDs and X509-SVIDs; not one that was issued failed."""
        lines = self.json_lines(self.verifier)
        self.assertEqual([line for line in lines if "failed" in line], [])
        tally = next((line for line in reversed(lines) if "failures" in line), {"jwt": 0, "x509": 0})
        return tally["jwt"], tally["x509"]

    def wait_verified_anew(self, agents, before):
        """Each agent has a new X509-SVID, and both go on verifying the other's."""
        for agent, old in zip(agents, before):
            wait_until(f"{agent.name} to have another SVID", lambda a=agent, o=old: self.svid(a)["serial"]
                       not in (None, o["serial"]), 60, 0.3)
        jwt, x509 = self.verified()
        wait_until("SVIDs to be verified", lambda: self.verified() >= (jwt + 20, x509 + 20), 30, 0.3)
        self.assertTrue(self.verifier.running())

    def svid(self, agent):
        code, lines = self.probe("fetch-x509", "-socket", agent.socket, uid=UID_A)
        return {"serial": None} if code else lines[0]["svids"][0]

    @staticmethod
    def authority(server, what):
        shown = json.loads(server.must("localauthority", "x509", "show", "-output", "json", impl="spire").out)
        # SPIRE tells the key of the next certificate, we that of the root.
        return {k: v for k, v in shown[what].items() if k != "upstream_authority_subject_key_id"}

    def test_below_files_with_a_certificate_between(self):
        root = Certificate(self.folder / "ca", "root", "DNS:root.example")
        between = Certificate(self.folder / "ca", "between", "DNS:between.example", root, authority=True)
        over = {"server": SHORT, "plugins": {"UpstreamAuthority disk": {"plugin_data": {
            "cert_file_path": str(between.pem), "key_file_path": str(between.key),
            "bundle_file_path": str(root.pem)}}}}
        spire = self.server("spire", over, name="spire")
        agents = self.agents_at(spire, spire)
        spire.must("localauthority", "x509", "prepare")
        self.verify_across(agents)
        before, active, prepared = listed(spire), *(self.authority(spire, w) for w in ("active", "prepared"))
        svids = [self.svid(agent) for agent in agents]
        self.assertEqual(svids[0]["chain_len"], 3)
        spire.stop()
        signet = self.signet_at(spire, over)
        self.take_over(signet, spire)
        after = listed(signet)
        for name in set(before) - {"X.509 authorities"}:
            with self.subTest(of=name):
                self.assertEqual(before[name], after[name])
        self.assertEqual(self.authority(signet, "active"), active)
        self.assertEqual(self.authority(signet, "prepared"), prepared)
        self.wait_verified_anew(agents, svids)
        self.assertEqual(self.svid(agents[0])["chain_len"], 3)
        signet.must("localauthority", "x509", "activate", "-authorityID", prepared["authority_id"])
        self.wait_verified_anew(agents, [self.svid(agent) for agent in agents])
        self.assertEqual(listed(signet)["bundle"], before["bundle"], "the root alone, as before")

    def test_below_another_spire_server(self):
        upper = self.server("spire", {"server": SHORT}, name="upper")
        above, = self.agents_at(upper)
        upper.create_entry("/downstream", "/node0", [f"unix:uid:{os.getuid()}"], "-downstream")
        self.wait_ids(above, [f"{TD}/downstream"])
        over = {"server": SHORT, "plugins": {"UpstreamAuthority spire": {"plugin_data": {
            "server_address": "127.0.0.1", "server_port": upper.port, "workload_api_socket": str(above.socket)}}}}
        lower = self.server("spire", over, name="lower")
        below = self.agent("spire", lower, QUICK, name="below", path="/below")
        lower.create_entry("/me", "/below", [f"unix:uid:{UID_A}"])
        self.wait_ids(below, [f"{TD}/me"], uid=UID_A)
        wait_until("the keys of the lower one above", lambda: len(json.loads(upper.must(
            "bundle", "show", "-format", "spiffe").out)["keys"]) == 3, 30, 0.5)
        self.verify_across([above, below])
        before = listed(lower)
        svids = [self.svid(agent) for agent in (above, below)]
        self.assertEqual(svids[1]["chain_len"], 2)
        lower.stop()
        signet = self.signet_at(lower, over)
        self.take_over(signet, lower)
        self.compare(before, listed(signet))
        self.wait_verified_anew([above, below], svids)
        self.assertEqual(self.svid(below)["chain_len"], 2)

    def test_keys_of_wit_svids(self):
        over = {"server": {"experimental": {"feature_flags": ["wit-svid"]}}}
        spire = self.server("spire", over, name="spire")
        before, kid = self.wit_keys(spire), self.wit_kid(spire)
        self.assertEqual([key["keyId"] for key in before], [kid])
        spire.stop()
        signet = self.signet_at(spire, over)
        self.take_over(signet, spire)
        self.assertEqual(self.wit_keys(signet), before)
        self.assertEqual(self.wit_kid(signet), kid)

    def wit_keys(self, server):
        answers, end = self.call(server, "spire.api.server.bundle.v1.Bundle/GetBundle", {})
        self.assertEqual(end["code"], "OK", end)
        return answers[0].get("witAuthorities", [])

    def wit_kid(self, server):
        answers, end = self.call(server, "spire.api.server.svid.v1.SVID/MintWITSVID", {
            "id": {"trust_domain": "example.org", "path": "/w"}, "public_key": P256,
            "signing_algorithm": "ES256"})
        self.assertEqual(end["code"], "OK", end)
        head = answers[0]["svid"]["token"].partition(".")[0]
        return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]

    @unittest.skipUnless(postgres.installed(), "PostgreSQL is not installed")
    def test_of_several_servers_each_takes_its_own(self):
        database = postgres.Postgres(self.folder / "pg").start()
        self.nodes.append(database)

        def on(name):
            return {"server": SHORT, "plugins": {"DataStore sql": database.data_store(name)}}
        spires = [self.server("spire", on("spire"), name=f"spire{n}") for n in range(2)]
        agents = self.agents_at(*spires)
        self.verify_across(agents)
        before = [listed(spire) for spire in spires]
        svids = [self.svid(agent) for agent in agents]
        self.assertEqual(before[0]["bundle"], before[1]["bundle"])
        for spire in spires:
            spire.stop()
        self.assertEqual(database.sql("SELECT count(*) FROM ca_journals", "spire"), "2")

        signets = [self.signet_at(spire, on("signet"), name=f"signet{n}") for n, spire in enumerate(spires)]
        self.take_over(signets[0], spires[0])
        # The other one takes its keys while the first serves already.
        self.take_over(signets[1], spires[1], "The records were imported before")
        for n, signet in enumerate(signets):
            self.compare(before[n], listed(signet))
        self.wait_verified_anew(agents, svids)
        # Either rotates; the other's authorities stay.
        for n, signet in enumerate(signets):
            signet.must("localauthority", "x509", "prepare")
            new = self.authority(signet, "prepared")["authority_id"]
            signet.must("localauthority", "x509", "activate", "-authorityID", new)
            self.wait_verified_anew(agents, [self.svid(agent) for agent in agents])
        keys = [json.dumps(key) for key in listed(signets[0])["bundle"]["keys"]]
        self.assertLessEqual({json.dumps(key) for key in before[0]["bundle"]["keys"]}, set(keys))
        self.assertEqual(len(keys), 4 + 2)


if __name__ == "__main__":
    unittest.main()
