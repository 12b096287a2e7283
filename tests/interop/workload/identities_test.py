"""Workloads under several uids get their identities, through every pairing of server and agent.

The clients are go-spiffe and the Python package `spiffe`. The pair SPIRE-SPIRE shows that the tests
themselves are right.
"""

import json
import time
import unittest

from harness import paths
from harness.case import TestCase, UID_A, UID_B, UID_STRANGER, needs_root, needs_signet
from harness.process import run, wait_until

TD = "spiffe://example.org"


class Pair:
    """The tests; the classes below name server and agent."""

    server_impl = agent_impl = None
    sync = 1.0

    def deploy(self, **over):
        server = self.server(self.server_impl, over.get("server"))
        agent = self.agent(self.agent_impl, server, {
            "agent": {"experimental": {"sync_interval": f"{self.sync:.0f}s"}}})
        return server, agent

    def test_two_uids_have_two_identities_and_a_third_is_refused(self):
        server, agent = self.deploy()
        server.create_entry("/a", "/node", [f"unix:uid:{UID_A}"])
        server.create_entry("/b", "/node", [f"unix:uid:{UID_B}", f"unix:gid:{UID_B}"])
        self.wait_ids(agent, [f"{TD}/a"], uid=UID_A)
        self.wait_ids(agent, [f"{TD}/b"], uid=UID_B)
        _, lines = self.probe("raw", "-socket", agent.socket, uid=UID_STRANGER)
        self.assertEqual((lines[-1]["code"], lines[-1]["message"]),
                         ("PermissionDenied", "no identity issued"))

    def test_every_call_is_refused_without_the_security_header(self):
        server, agent = self.deploy()
        for method in ("FetchX509SVID", "FetchX509Bundles", "FetchJWTSVID", "FetchJWTBundles",
                       "ValidateJWTSVID"):
            for flags in (["-no-header"], ["-header", "True"]):
                _, lines = self.probe("raw", "-socket", agent.socket, "-method", method, *flags,
                                      uid=UID_A)
                self.assertEqual((lines[-1]["code"], lines[-1]["message"]),
                                 ("InvalidArgument", "security header missing from request"), method)

    def test_jwt_svids_are_issued_and_validated(self):
        server, agent = self.deploy()
        server.create_entry("/a", "/node", [f"unix:uid:{UID_A}"], "-hint", "main")
        server.create_entry("/a2", "/node", [f"unix:uid:{UID_A}"])
        self.wait_ids(agent, [f"{TD}/a", f"{TD}/a2"], uid=UID_A)
        _, lines = self.probe("fetch-jwt", "-socket", agent.socket, "-audience", "one,two", uid=UID_A)
        svids = {s["spiffe_id"]: s for s in lines[0]["svids"]}
        self.assertEqual(set(svids), {f"{TD}/a", f"{TD}/a2"})
        self.assertEqual(svids[f"{TD}/a"]["hint"], "main")
        token = svids[f"{TD}/a"]["token"]
        code, lines = self.probe("validate-jwt", "-socket", agent.socket, "-audience", "two",
                                 "-token", token, uid=UID_A)
        self.assertEqual((code, lines[0]["spiffe_id"]), (0, f"{TD}/a"))
        self.assertEqual(sorted(lines[0]["claims"]["aud"]), ["one", "two"])
        for audience, bad in (("three", token), ("one", token[:-8] + "AAAAAAAA"), ("one", "x.y.z")):
            _, lines = self.probe("raw", "-socket", agent.socket, "-method", "ValidateJWTSVID",
                                  "-audience", audience, "-token", bad, uid=UID_A)
            self.assertEqual(lines[-1]["code"], "InvalidArgument", (audience, lines))
        _, lines = self.probe("raw", "-socket", agent.socket, "-method", "FetchJWTSVID", uid=UID_A)
        self.assertEqual((lines[-1]["code"], lines[-1]["message"]),
                         ("InvalidArgument", "audience must be specified"))
        _, lines = self.probe("raw", "-socket", agent.socket, "-method", "FetchJWTSVID", "-audience",
                              "x", "-spiffe-id", f"{TD}/nobody", uid=UID_A)
        self.assertEqual((lines[-1]["code"], lines[-1]["message"]),
                         ("PermissionDenied", "no identity issued"))
        # One identity asked for by name, and the same token again: it is cached.
        tokens = set()
        for _ in range(3):
            _, lines = self.probe("fetch-jwt", "-socket", agent.socket, "-audience", "cached",
                                  "-spiffe-id", f"{TD}/a2", uid=UID_A)
            self.assertEqual([s["spiffe_id"] for s in lines[0]["svids"]], [f"{TD}/a2"])
            tokens.add(lines[0]["svids"][0]["token"])
        self.assertEqual(len(tokens), 1)

    def test_bundles_name_the_trust_domain(self):
        server, agent = self.deploy()
        server.create_entry("/a", "/node", [f"unix:uid:{UID_A}"])
        self.wait_ids(agent, [f"{TD}/a"], uid=UID_A)
        _, lines = self.probe("fetch-bundles", "-socket", agent.socket, uid=UID_A)
        self.assertEqual({k: len(v) for k, v in lines[0]["x509"].items()}, {TD: 1})
        jwks = json.loads(server.must("bundle", "show", "-format", "spiffe").out)
        kids = sorted(k["kid"] for k in jwks["keys"] if k["use"] == "jwt-svid")
        self.assertEqual(sorted(lines[0]["jwt"][TD]), kids)

    def test_the_python_client_gets_the_same(self):
        server, agent = self.deploy()
        server.create_entry("/root", "/node", ["unix:uid:0"], "-dns", "root.example.org")
        self.wait_ids(agent, [f"{TD}/root"])
        python = paths.peer("python") / "bin" / "python"
        script = paths.ROOT / "tests" / "peers" / "python" / "probe.py"
        x509 = run([python, script, "x509", agent.socket])
        self.assertEqual(x509.code, 0, x509)
        self.assertEqual([s["spiffe_id"] for s in json.loads(x509.out)["svids"]], [f"{TD}/root"])
        jwt = run([python, script, "jwt", agent.socket, "somewhere"])
        self.assertEqual(jwt.code, 0, jwt)
        self.assertEqual(json.loads(jwt.out)["validated"], f"{TD}/root")

    def test_mutual_tls_between_two_uids(self):
        server, agent = self.deploy()
        server.create_entry("/a", "/node", [f"unix:uid:{UID_A}"])
        server.create_entry("/b", "/node", [f"unix:uid:{UID_B}"])
        self.wait_ids(agent, [f"{TD}/a"], uid=UID_A)
        self.wait_ids(agent, [f"{TD}/b"], uid=UID_B)
        listener = self.watch("mtls-server", "mtls-server", "-socket", agent.socket,
                              "-authorize", f"{TD}/b", uid=UID_A)
        address = wait_until("the listener", lambda: self.json_lines(listener))[0]["listening"]
        _, lines = self.probe("mtls-client", "-socket", agent.socket, "-addr", address, "-authorize",
                              f"{TD}/a", "-count", "5", uid=UID_B)
        self.assertEqual((lines[-1]["ok"], lines[-1]["failed"]), (5, 0), lines[-1])
        # The client expects somebody else, and the server refuses somebody else.
        _, lines = self.probe("mtls-client", "-socket", agent.socket, "-addr", address, "-authorize",
                              f"{TD}/c", "-count", "1", uid=UID_B)
        self.assertEqual((lines[-1]["ok"], lines[-1]["failed"]), (0, 1))
        _, lines = self.probe("mtls-client", "-socket", agent.socket, "-addr", address, "-authorize",
                              f"{TD}/a", "-count", "1", uid=UID_A)
        self.assertEqual((lines[-1]["ok"], lines[-1]["failed"]), (0, 1))

    @needs_signet
    def test_mutual_tls_between_go_and_our_own_client(self):
        """go-spiffe on one side and libs/workload-client on the other, in both directions."""
        server, agent = self.deploy()
        server.create_entry("/a", "/node", [f"unix:uid:{UID_A}"])
        server.create_entry("/b", "/node", [f"unix:uid:{UID_B}"])
        self.wait_ids(agent, [f"{TD}/a"], uid=UID_A)
        self.wait_ids(agent, [f"{TD}/b"], uid=UID_B)
        listener = self.watch("go-server", "mtls-server", "-socket", agent.socket, "-authorize",
                              f"{TD}/b", uid=UID_A)
        address = wait_until("the listener", lambda: self.json_lines(listener))[0]["listening"]
        client = self.ours("our-client", agent, "client", address, "20", "1", uid=UID_B)
        self.assertEqual(client.wait_exit(), 0, client.text())
        self.assertEqual(self.json_lines(client)[-1]["handshakes"], 20)

        _, address = self.our_server("our-server", agent, uid=UID_A)
        _, lines = self.probe("mtls-client", "-socket", agent.socket, "-addr", address, "-authorize", f"{TD}/a",
                              "-count", "5", uid=UID_B)
        self.assertEqual((lines[-1]["ok"], lines[-1]["failed"]), (5, 0), lines[-1])

    def test_a_new_entry_reaches_an_open_stream_and_its_deletion_ends_it(self):
        server, agent = self.deploy()
        first = server.create_entry("/a", "/node", [f"unix:uid:{UID_A}"])
        self.wait_ids(agent, [f"{TD}/a"], uid=UID_A)
        stream = self.watch("stream", "raw", "-socket", agent.socket, "-stay", "-timeout", "60s",
                            uid=UID_A)
        wait_until("the first message", lambda: self.json_lines(stream))
        second = server.create_entry("/a2", "/node", [f"unix:uid:{UID_A}"])
        wait_until("the second identity",
                   lambda: any(x.get("items") == 2 for x in self.json_lines(stream)))
        server.must("entry", "delete", "-entryID", second)
        wait_until("one identity again", lambda: self.json_lines(stream)[-1].get("items") == 1)
        server.must("entry", "delete", "-entryID", first)
        began = time.monotonic()
        wait_until("the stream's end", lambda: "code" in self.json_lines(stream)[-1])
        took = time.monotonic() - began
        last = self.json_lines(stream)[-1]
        self.assertEqual((last["code"], last["message"]), ("PermissionDenied", "no identity issued"))
        reload = 1 if self.server_impl == "spire" else 0  # see deploy.py
        self.assertLess(took, 5 * (self.sync + 1 + reload) * paths.slow(), "five times the sync interval + 1 s")

    def test_of_equal_hints_the_older_entry_wins(self):
        server, agent = self.deploy()
        server.create_entry("/old", "/node", [f"unix:uid:{UID_A}"], "-hint", "same", "-entryID", "z")
        time.sleep(1.1)  # created_at has seconds
        server.create_entry("/new", "/node", [f"unix:uid:{UID_A}"], "-hint", "same", "-entryID", "a")
        server.create_entry("/free", "/node", [f"unix:uid:{UID_A}"], "-entryID", "m")
        self.wait_ids(agent, [f"{TD}/free", f"{TD}/old"], uid=UID_A)
        # The default identity is that of the lowest entry ID.
        self.assertEqual(self.ids(agent, UID_A)[0], f"{TD}/free")

    def test_nested_parents_are_followed(self):
        server, agent = self.deploy()
        server.create_entry("/middle", "/node", [f"unix:uid:{UID_B}"])
        server.create_entry("/leaf", "/middle", [f"unix:uid:{UID_A}"])
        self.wait_ids(agent, [f"{TD}/leaf"], uid=UID_A)

    def test_an_agent_restarts_without_a_new_token(self):
        server, agent = self.deploy()
        server.create_entry("/a", "/node", [f"unix:uid:{UID_A}"])
        self.wait_ids(agent, [f"{TD}/a"], uid=UID_A)
        self.assertEqual(agent.stop(), 0)
        agent.start()
        self.wait_ids(agent, [f"{TD}/a"], uid=UID_A)
        self.assertEqual(server.stop(), 0)
        self.assertEqual(self.ids(agent, UID_A), [f"{TD}/a"], "served while the server is away")
        server.start()
        server.create_entry("/a2", "/node", [f"unix:uid:{UID_A}"])
        self.wait_ids(agent, [f"{TD}/a", f"{TD}/a2"], uid=UID_A, seconds=30)

    def test_a_banned_agent_ends(self):
        server, agent = self.deploy()
        server.create_entry("/a", "/node", [f"unix:uid:{UID_A}"])
        self.wait_ids(agent, [f"{TD}/a"], uid=UID_A)
        agents = json.loads(server.must("agent", "list", "-output", "json").out)["agents"]
        self.assertEqual([a["attestation_type"] for a in agents], ["join_token"])
        server.must("agent", "ban", "-spiffeID", TD + agents[0]["id"]["path"])
        self.assertEqual(agent.process.wait_exit(20), 1)

    def test_a_used_token_is_refused(self):
        server = self.server(self.server_impl)
        token = server.token("/node")
        agent = self.agent(self.agent_impl, server, start=False)
        agent.start(token=token)
        second = self.agent(self.agent_impl, server, start=False)
        second.start(token=token, wait=False)
        second.process.wait_log("join token", 30)


@needs_root
class SpireWithSpire(Pair, TestCase):
    server_impl = agent_impl = "spire"


@needs_root
@needs_signet
class SignetServerWithSpireAgent(Pair, TestCase):
    server_impl, agent_impl = "signet", "spire"


@needs_root
@needs_signet
class SpireServerWithSignetAgent(Pair, TestCase):
    server_impl, agent_impl = "spire", "signet"


@needs_root
@needs_signet
class SignetWithSignet(Pair, TestCase):
    server_impl = agent_impl = "signet"


if __name__ == "__main__":
    unittest.main()
