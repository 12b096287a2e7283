"""The life of the signing authorities as operators, agents and workloads see it.

A forced rotation (prepare, activate, taint, revoke) with our agent and with SPIRE's: every workload
gets another SVID before the old authority goes, and no stream of our agent ends.
"""

import base64
import json
import os
import re
import signal
import subprocess
import time
import unittest

from harness.case import TestCase, needs_signet
from harness.process import wait_until

TD = "spiffe://example.org"
QUICK = {"agent": {"experimental": {"sync_interval": "1s"}}}


@needs_signet
class Authorities(TestCase):
    def authority(self, server, kind, verb, *more):
        return json.loads(server.must("localauthority", kind, verb, "-output", "json", *more).out)

    def turn(self, server, kind):
        """Another one is active; gives the ID of the one before."""
        first = self.authority(server, kind, "show")["active"]["authority_id"]
        prepared = self.authority(server, kind, "prepare")["prepared_authority"]["authority_id"]
        self.authority(server, kind, "activate", "-authorityID", prepared)
        return first

    def leaf(self, agent):
        """The SVID a new caller gets; None when there is none."""
        _, lines = self.probe("fetch-x509", "-socket", agent.socket)
        return lines[0].get("svids", [None])[0]

    def key_id(self, agent):
        """The key of the JWT-SVID that a caller gets for an audience it asked for before. go-spiffe has
        judged the token."""
        _, lines = self.probe("fetch-jwt", "-socket", agent.socket, "-audience", "a")
        header = lines[0]["svids"][0]["token"].split(".")[0]
        return json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]

    def check_stream(self, impl, stream):
        """It goes on. SPIRE's agent takes a tainted SVID out of its cache before it has another: what
        it says in that gap lacks the SVID, which ends a stream that has no other."""
        if impl == "signet":
            self.assertTrue(stream.running(), "the stream goes on")
        elif not stream.running():
            self.assertEqual(self.json_lines(stream)[-1]["message"], "no identity issued")

    def test_a_forced_rotation_reaches_agents_and_workloads(self):
        for impl in ("signet", "spire"):
            with self.subTest(agent=impl):
                server = self.server("signet")
                server.create_entry("/me", "/node", [f"unix:uid:{os.geteuid()}"])
                agent = self.agent(impl, server, QUICK)
                self.wait_ids(agent, [f"{TD}/me"], seconds=30)
                stream = self.watch(f"stream-{impl}", "raw", "-socket", agent.socket, "-stay",
                                    "-timeout", "120s")
                wait_until("the first message", lambda: self.json_lines(stream))
                first = self.leaf(agent)
                old = self.turn(server, "x509")
                self.key_id(agent)
                old_key = self.turn(server, "jwt")
                self.assertEqual(self.leaf(agent), first, "activation alone replaces nothing")
                self.assertEqual(self.key_id(agent), old_key, "the cached token is good still")
                server.must("localauthority", "x509", "taint", "-authorityID", old)
                server.must("localauthority", "jwt", "taint", "-authorityID", old_key)
                wait_until("another X509-SVID", lambda: self.leaf(agent) not in (first, None), 20, 0.3)
                wait_until("a token of another key", lambda: self.key_id(agent) != old_key, 20, 0.3)
                self.check_stream(impl, stream)
                # The agent's own SVID and the server's are replaced too: with the old authority
                # gone, both still believe each other.
                agent.process.wait_log("rotated agent SVID")
                time.sleep(3)
                server.must("localauthority", "x509", "revoke", "-authorityID", old)
                server.must("localauthority", "jwt", "revoke", "-authorityID", old_key)
                server.create_entry("/me2", "/node", [f"unix:uid:{os.geteuid()}"])
                self.wait_ids(agent, [f"{TD}/me", f"{TD}/me2"], seconds=30)
                self.assertNotEqual(self.key_id(agent), old_key)
                self.check_stream(impl, stream)
                bundle = json.loads(server.must("bundle", "show", "-format", "spiffe").out)
                self.assertEqual(len(bundle["keys"]), 2)
                agent.stop()
                server.stop()

    def test_wit_authorities_by_hand(self):
        server = self.server("signet", {"server": {"experimental": {"feature_flags": ["wit-svid"]}}})

        def keys():
            shown = json.loads(server.must("bundle", "show", "-output", "json").out)
            return {key["key_id"]: key.get("tainted", False) for key in shown["wit_authorities"]}

        def signer():
            token = json.loads(server.must("wit", "mint", "-spiffeID", f"{TD}/x", "-output", "json").out)
            header = re.search(r'"(ey[^".]+)\.', json.dumps(token)).group(1)
            return json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]
        first = self.authority(server, "wit", "show")["active"]["authority_id"]
        self.assertEqual(signer(), first)
        prepared = self.authority(server, "wit", "prepare")["prepared_authority"]["authority_id"]
        self.assertEqual(keys(), {first: False, prepared: False}, "published before it signs")
        self.assertEqual(signer(), first)
        tainted = server.cli("localauthority", "wit", "taint", "-authorityID", first)
        self.assertNotEqual(tainted.code, 0, "the one that signs")
        self.authority(server, "wit", "activate", "-authorityID", prepared)
        self.assertEqual(signer(), prepared)
        self.authority(server, "wit", "taint", "-authorityID", first)
        self.assertEqual(keys(), {first: True, prepared: False})
        self.authority(server, "wit", "revoke", "-authorityID", first)
        self.assertEqual(keys(), {prepared: False})
        self.assertEqual(server.stop(), 0)
        server.start()
        self.assertEqual(signer(), prepared, "and so it is after a restart")

    def test_activation_waits_for_an_agent_when_told_to(self):
        server = self.server("signet", {"server": {"audit_log_enabled": True}})
        agent = self.agent("signet", server, QUICK)
        wait_until("a sync", lambda: "Bundle updated" in agent.process.text())
        time.sleep(1.5)
        os.kill(agent.process.pid, signal.SIGSTOP)
        try:
            prepared = self.authority(server, "x509", "prepare")["prepared_authority"]["authority_id"]
            waiting = self.spawn("activate", [
                *server_command(server), "localauthority", "x509", "activate", "-socketPath", server.socket,
                "-wait", "-authorityID", prepared])
            wait_until("it to say so", lambda: "Waiting for 1 agents and 0 servers" in waiting.text())
            time.sleep(2)
            self.assertTrue(waiting.running())
            self.assertNotEqual(self.authority(server, "x509", "show")["active"]["authority_id"], prepared)
        finally:
            os.kill(agent.process.pid, signal.SIGCONT)
        self.assertEqual(waiting.wait_exit(20), 0)
        self.assertIn("Activated X.509 authority", waiting.text())
        # By hand and at once, the audit log says how many lacked it.
        os.kill(agent.process.pid, signal.SIGSTOP)
        try:
            self.turn(server, "x509")
        finally:
            os.kill(agent.process.pid, signal.SIGCONT)
        self.assertIn("agents_lacking=1", server.process.text())

    def test_a_short_life_rotates_by_itself_without_a_failed_handshake(self):
        server = self.server("signet", {"server": {"ca_ttl": "60s", "default_x509_svid_ttl": "10s",
                                                   "agent_ttl": "10s"}})
        server.create_entry("/me", "/node", [f"unix:uid:{os.geteuid()}"])
        agent = self.agent("signet", server, QUICK)
        self.wait_ids(agent, [f"{TD}/me"])
        listener = self.watch("listener", "mtls-server", "-socket", agent.socket, "-authorize", f"{TD}/me")
        address = wait_until("the listener", lambda: self.json_lines(listener))[0]["listening"]
        client = self.watch("client", "mtls-client", "-socket", agent.socket, "-addr", address,
                            "-authorize", f"{TD}/me", "-rate", "10")
        first = {kind: self.authority(server, kind, "show")["active"]["authority_id"] for kind in ("x509", "jwt")}
        for kind, authority in first.items():
            wait_until(f"the successor to sign: {kind}",
                       lambda k=kind, a=authority: self.authority(server, k, "show")["active"]["authority_id"] != a,
                       75, 1)
        time.sleep(12)  # everything was issued anew below it
        self.wait_ids(agent, [f"{TD}/me"])
        self.assertNotEqual(self.key_id(agent), first["jwt"])
        for process in (client, listener):
            process.popen.send_signal(signal.SIGTERM)
            process.wait_exit()
            tally = self.json_lines(process)[-1]
            self.assertEqual(tally["failed"], 0, tally)
            self.assertGreater(tally["ok"], 100, tally)
        self.assertNotIn("Failed to sync", agent.process.text())
        self.assertNotIn("although not everybody", server.process.text())

    def test_a_server_that_leaves_signs_no_more(self):
        server = self.server("signet")
        self.assertIn("signs no more", server.must("leave").out)
        self.assertEqual(server.cli("healthcheck").code, 1)
        minted = server.cli("x509", "mint", "-spiffeID", f"{TD}/x")
        self.assertEqual(minted.code, 1, minted)
        old = json.loads(server.must("bundle", "show", "-format", "spiffe").out)["keys"]
        self.assertEqual(len(old), 2, "what it signed still verifies")
        self.assertEqual(server.stop(), 0)
        server.start()
        server.must("x509", "mint", "-spiffeID", f"{TD}/x")
        keys = json.loads(server.must("bundle", "show", "-format", "spiffe").out)["keys"]
        self.assertEqual(len(keys), 4, "it came back as a newcomer")

    def test_what_restricts_downstream_cas_does(self):
        server = self.server("signet", {"server": {"downstream_max_path": 0, "downstream_name_constraints": True}})
        server.create_entry("/down", "/node", ["unix:uid:9"], "-downstream")
        down = self.folder / "down"
        down.mkdir()
        server.must("x509", "mint", "-spiffeID", f"{TD}/down", "-write", down)
        csr = self.probe("csr", "-spiffe-id", TD)[1][0]["csr"]
        _, lines = self.probe("call", "-addr", f"127.0.0.1:{server.port}", "-dir", down, "-method",
                              "spire.api.server.svid.v1.SVID/NewDownstreamX509CA", stdin=json.dumps({"csr": csr}))
        self.assertEqual(lines[-1]["code"], "OK", lines)
        shown = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-text"], capture_output=True,
                               input=base64.b64decode(lines[0]["answer"]["caCertChain"][0]), check=True).stdout.decode()
        self.assertIn("CA:TRUE, pathlen:0", shown)
        self.assertRegex(shown, r"Name Constraints: critical\s+Permitted:\s+URI:example.org")

    def test_fifty_authorities_are_warned_about(self):
        server = self.server("signet")
        key = json.loads(server.must("bundle", "show", "-output", "json").out)["jwt_authorities"][0]["public_key"]
        many = [{"key_id": f"k{n}", "public_key": key} for n in range(49)]
        _, end = self.call(server, "spire.api.server.bundle.v1.Bundle/AppendBundle", {"jwt_authorities": many})
        self.assertEqual(end["code"], "OK", end)
        server.stop()
        server.start()
        server.process.wait_log("The bundle holds many authorities")

    def test_a_downstream_key_is_strong_and_nobodys_already(self):
        server = self.server("signet")
        server.create_entry("/down", "/node", ["unix:uid:9"], "-downstream")
        down = self.folder / "down"
        down.mkdir()
        server.must("x509", "mint", "-spiffeID", f"{TD}/down", "-write", down)

        def ask(csr):
            return self.call_at(["-addr", f"127.0.0.1:{server.port}", "-dir", down],
                                "svid.v1.SVID/NewDownstreamX509CA", {"csr": csr})

        def fresh(*kind):
            return self.probe("csr", "-spiffe-id", TD, *kind)[1][0]["csr"]
        self.assertEqual(ask(fresh())["code"], "OK")
        self.assertEqual(ask(fresh("-key", "rsa1024"))["code"], "InvalidArgument")
        # The authority's own key, taken from the key manager's file.
        keys = json.loads((server.data / "keys.json").read_text())["keys"]
        own = next(key for name, key in keys.items() if "x509" in name.lower())
        (down / "own.der").write_bytes(base64.b64decode(own))
        made = subprocess.run(["openssl", "req", "-new", "-subj", "/O=x", "-keyform", "DER", "-key", down / "own.der",
                               "-outform", "DER", "-addext", f"subjectAltName=URI:{TD}"],
                              capture_output=True, check=True)
        refused = ask(base64.b64encode(made.stdout).decode())
        self.assertEqual(refused["code"], "InvalidArgument")
        self.assertIn("authority already", refused["message"])

    def call_at(self, where, method, request):
        _, lines = self.probe("call", *where, "-method", f"spire.api.server.{method}", "-quiet",
                              stdin=json.dumps(request))
        return lines[-1]

    def test_a_server_that_lost_its_keys_alone_serves_at_once(self):
        server = self.server("signet")
        self.agent("signet", server, QUICK).stop()
        server.stop()
        (server.data / "keys.json").unlink()
        began = time.monotonic()
        server.start()
        self.assertLess(time.monotonic() - began, 10)
        self.assertIn("no other server can tell the agents", server.process.text())


def server_command(server):
    from harness import deploy
    return deploy.argv("signet", "server")


if __name__ == "__main__":
    unittest.main()
