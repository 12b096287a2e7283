"""One trust domain, two servers: the lower one's CA is signed by the upper one.

The upper server's agent gives the lower server its identity. Workloads below either verify each other,
by X.509 and by JWT, while the upper server's root is replaced, tainted and taken away.
"""

import json
import os
import signal
import unittest

from harness import paths
from harness.case import TestCase, UID_A, UID_B, needs_root
from harness.process import wait_until

TD = "spiffe://example.org"
WIT = {"server": {"experimental": {"feature_flags": ["wit-svid"]}}}
QUICK = {"agent": {"experimental": {"sync_interval": "1s"}}}


class Nested:
    """The tests; the classes below name the two servers. Each has agents of its own kind."""

    upper_impl = lower_impl = None

    def deploy(self, upper_over=None, lower_over=None):
        self.upper = self.server(self.upper_impl, upper_over, name="upper")
        self.above = self.agent(self.upper_impl, self.upper, QUICK, name="above")
        self.upper.create_entry("/downstream", "/node", [f"unix:uid:{os.getuid()}"], "-downstream")
        self.upper.create_entry("/up", "/node", [f"unix:uid:{UID_A}"])
        self.wait_ids(self.above, [f"{TD}/downstream"])
        self.lower = self.server(self.lower_impl, {**(lower_over or {}), "plugins": {"UpstreamAuthority spire": {
            "plugin_data": {"server_address": "127.0.0.1", "server_port": self.upper.port,
                            "workload_api_socket": str(self.above.socket)}}}}, name="lower")
        self.below = self.agent(self.lower_impl, self.lower, QUICK, name="below")
        self.lower.create_entry("/low", "/node", [f"unix:uid:{UID_B}"])
        self.wait_ids(self.above, [f"{TD}/up"], uid=UID_A)
        self.wait_ids(self.below, [f"{TD}/low"], uid=UID_B)

    def svid(self, agent, uid):
        _, lines = self.probe("fetch-x509", "-socket", agent.socket, uid=uid)
        return lines[0]["svids"][0]

    def bundle(self, agent, uid, kind="x509"):
        _, lines = self.probe("fetch-bundles", "-socket", agent.socket, uid=uid)
        return set(lines[0].get(kind, {}).get(TD, []))

    def authority(self, server, what):
        shown = json.loads(server.must("localauthority", "x509", "show", "-output", "json").out)
        return (shown.get(what) or {})

    def wit_authority(self, server, what):
        return json.loads(server.must("localauthority", "wit", "show", "-output", "json").out)[what]["authority_id"]

    def wit_keys(self, server, tainted=False):
        shown = json.loads(server.must("bundle", "show", "-output", "json").out)
        return {key["key_id"] for key in shown["wit_authorities"] if key.get("tainted", False) or not tainted}

    def tokens(self, when):
        """A token of each side, signed now, is taken by the other."""
        self.jwt(self.below, UID_B, self.above, UID_A, f"{TD}/low", when)
        self.jwt(self.above, UID_A, self.below, UID_B, f"{TD}/up", when)

    def jwt(self, fetch_from, fetch_uid, validate_at, validate_uid, spiffe_id, audience):
        _, lines = self.probe("fetch-jwt", "-socket", fetch_from.socket, "-audience", audience, uid=fetch_uid)
        token = lines[0]["svids"][0]["token"]

        def valid():
            code, out = self.probe("validate-jwt", "-socket", validate_at.socket, "-audience", audience,
                                   "-token", token, uid=validate_uid)
            return code == 0 and out[0]["spiffe_id"] == spiffe_id
        wait_until(f"{validate_at.name} to take the token of {spiffe_id}: {audience}", valid, 30, 0.5)

    def turn_jwt(self, server, when):
        """Its next JWT authority signs, as soon as both sides have it."""
        prepared = json.loads(server.must("localauthority", "jwt", "prepare", "-output", "json").out)
        key = prepared["prepared_authority"]["authority_id"]
        for agent, uid in ((self.above, UID_A), (self.below, UID_B)):
            wait_until(f"{agent.name} to have the JWT key: {when}",
                       lambda a=agent, u=uid: key in self.bundle(a, u, "jwt"), 60, 0.5)
        server.must("localauthority", "jwt", "activate", "-authorityID", key)
        self.tokens(when)

    def test_workloads_of_both_sides_verify_each_other_while_the_root_is_replaced(self):
        self.deploy()
        self.assertEqual(self.svid(self.above, UID_A)["chain_len"], 1)
        self.assertEqual(self.svid(self.below, UID_B)["chain_len"], 2, "leaf and the lower server's CA")
        self.assertEqual(self.bundle(self.above, UID_A), self.bundle(self.below, UID_B))
        self.tokens("at first")

        # Both directions at once, a new connection each time, to the end of the test.
        pairs = []
        for name, (listen, listen_uid, me), (call, call_uid, peer) in (
                ("down", (self.below, UID_B, "/low"), (self.above, UID_A, "/up")),
                ("up", (self.above, UID_A, "/up"), (self.below, UID_B, "/low"))):
            listener = self.watch(f"listener-{name}", "mtls-server", "-socket", listen.socket,
                                  "-authorize", f"{TD}{peer}", "-report", uid=listen_uid)
            address = wait_until("the listener", lambda p=listener: self.json_lines(p))[0]["listening"]
            client = self.watch(f"client-{name}", "mtls-client", "-socket", call.socket, "-addr", address,
                                "-authorize", f"{TD}{me}", "-rate", "10", "-report", uid=call_uid)
            pairs.append((listener, client))

        old = self.authority(self.upper, "active")["authority_id"]
        old_roots = self.bundle(self.below, UID_B)
        self.upper.must("localauthority", "x509", "prepare")
        new = self.authority(self.upper, "prepared")["authority_id"]
        for agent, uid in ((self.above, UID_A), (self.below, UID_B)):
            wait_until(f"{agent.name} to have the new root",
                       lambda a=agent, u=uid: self.bundle(a, u) > old_roots, 60, 0.5)
        self.upper.must("localauthority", "x509", "activate", "-authorityID", new)

        # Tainted: the lower server asks for another CA, and all SVIDs below the old root go. What each
        # process presents counts: its agent may have the new one a moment earlier.
        self.upper.must("localauthority", "x509", "taint", "-authorityID", old)
        wait_until("the lower server to lie below the new root", lambda: self.authority(
            self.lower, "active").get("upstream_authority_subject_key_id") == new, 60, 0.5)
        for process in (process for pair in pairs for process in pair):
            wait_until(f"{process.name} to present another SVID", lambda p=process: any(
                "own_serial" in line for line in self.json_lines(p)), 90, 0.5)

        # Revoked: gone on both sides, and everybody still talks.
        self.upper.must("localauthority", "x509", "revoke", "-authorityID", old)
        for agent, uid in ((self.above, UID_A), (self.below, UID_B)):
            wait_until(f"{agent.name} to forget the old root",
                       lambda a=agent, u=uid: not self.bundle(a, u) & old_roots, 60, 0.5)

        # JWT keys do not hang on the root, and go up and down below the new one as before.
        self.tokens("after the root's change")
        self.turn_jwt(self.lower, "another key of the lower server")
        self.turn_jwt(self.upper, "another key of the upper server")
        counts = []
        for listener, client in pairs:
            for process in (client, listener):
                process.popen.send_signal(signal.SIGTERM)
                process.wait_exit()
                counts.append(self.json_lines(process)[-1])
        for count in counts:
            self.assertEqual(count["failed"], 0, counts)
            self.assertGreater(count["ok"], 50, counts)

    def test_a_lower_server_goes_on_after_a_restart_and_while_the_upper_one_is_away(self):
        self.deploy()
        authority = self.authority(self.lower, "active")
        self.upper.kill()
        self.lower.stop()
        self.lower.start()
        self.assertEqual(self.authority(self.lower, "active"), authority)
        self.lower.create_entry("/later", "/node", [f"unix:uid:{UID_B}"])
        self.wait_ids(self.below, [f"{TD}/later", f"{TD}/low"], uid=UID_B, seconds=40)
        self.upper.start()
        self.upper.must("localauthority", "x509", "prepare")
        roots = self.bundle(self.below, UID_B)
        wait_until("the new root to come down", lambda: self.bundle(self.below, UID_B) > roots, 90, 0.5)


@needs_root
@unittest.skipUnless(paths.have_signet(), "signet is not built")
class SpireBelowSignet(Nested, TestCase):
    upper_impl, lower_impl = "signet", "spire"


@needs_root
@unittest.skipUnless(paths.have_signet(), "signet is not built")
class SignetBelowSpire(Nested, TestCase):
    upper_impl, lower_impl = "spire", "signet"

    def test_wit_keys_stay_with_a_server_whose_upstream_takes_none(self):
        self.deploy(lower_over=WIT)
        self.assertEqual(self.wit_keys(self.lower), {self.wit_authority(self.lower, "active")})
        self.assertEqual(self.lower.log.read_text().count("UpstreamAuthority plugin does not support WIT-SVIDs"), 1)


@needs_root
@unittest.skipUnless(paths.have_signet(), "signet is not built")
class SignetBelowSignet(Nested, TestCase):
    upper_impl, lower_impl = "signet", "signet"

    def test_wit_keys_go_up_and_down(self):
        self.deploy(WIT, WIT)

        def same(*keys):
            wait_until("both bundles to have the WIT keys of both servers", lambda: self.wit_keys(self.upper) ==
                       self.wit_keys(self.lower) == set(keys), 30, 0.5)
        up, low = (self.wit_authority(server, "active") for server in (self.upper, self.lower))
        same(up, low)
        self.upper.must("localauthority", "wit", "prepare")
        self.lower.must("localauthority", "wit", "prepare")
        next_up, next_low = (self.wit_authority(server, "prepared") for server in (self.upper, self.lower))
        same(up, low, next_up, next_low)
        # Tainted and revoked above, it is so below.
        self.upper.must("localauthority", "wit", "activate", "-authorityID", next_up)
        self.upper.must("localauthority", "wit", "taint", "-authorityID", up)
        wait_until("the taint to come down", lambda: up in self.wit_keys(self.lower, tainted=True), 30, 0.5)
        self.upper.must("localauthority", "wit", "revoke", "-authorityID", up)
        same(low, next_up, next_low)


@needs_root
@unittest.skipUnless(os.environ.get("SIGNET_TEST_BASELINE"), "shows that the tests themselves are right")
class SpireBelowSpire(Nested, TestCase):
    upper_impl, lower_impl = "spire", "spire"


if __name__ == "__main__":
    unittest.main()
