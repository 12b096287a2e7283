"""`signet agent explain` and `signet server explain`: faults are planted in a real server and agent, and named. (Each two
together: pairs_test.py; as facts, libs/explain/test/pairs_test.cc.)"""

import json
import pathlib
import re
import shutil
import sqlite3
import time
import unittest

from harness.case import OUR_UID, needs_signet
from harness.deploy import argv, free_port
from harness.explain import TD, WORKLOAD, ExplainCase
from harness.process import run, wait_listens, wait_until
from harness.relay import Relay

ROOT = pathlib.Path(__file__).resolve().parents[3]
DOCUMENTATION = (ROOT / "docs" / "troubleshooting.md").read_text()
PATH = f"unix:path:{pathlib.Path(WORKLOAD).resolve()}"


@needs_signet
class Explain(ExplainCase):
    def agent_id(self, server):
        agents = json.loads(server.must("agent", "list", "-output", "json").out)["agents"]
        return TD + agents[0]["id"]["path"]

    def test_a_program_whose_path_is_not_utf_8(self):
        server = self.server("signet")
        self.agent_of(server)
        program = str(self.folder / "program-") + "\udcff"  # the byte 0xff
        shutil.copy(WORKLOAD, program)
        pid = self.spawn("strange", [program, "600"]).pid
        self.assert_faults(self.ask_agent("-pid", pid), "ATTESTOR_FAILED")

    def assert_documented(self, text, fault):
        """`text` has the lines that docs/troubleshooting.md shows of this fault, with numbers of its own."""
        lines = DOCUMENTATION.splitlines()
        first = next(n for n, line in enumerate(lines) if line.strip().startswith(f"=> {fault}: "))
        shown = [lines[first], *([lines[first + 1]] if lines[first + 1].strip().startswith("do: ") else [])]
        for line in shown:
            pattern = re.escape(line.removeprefix("    ")).replace("0193…", "@")
            self.assertRegex(text, re.sub(r"\d+", r"\\d+", pattern).replace("@", "[0-9a-f-]+") + "\n")

    def test_the_documentation_has_every_fault(self):
        proto = (ROOT / "libs/proto/proto/signet/explain/v1/explain.proto").read_text()
        faults = re.findall(r"^  ([A-Z_]+) = \d+;", proto[proto.index("enum Fault"):], re.MULTILINE)
        rows = "".join(line.split("|")[1] for line in DOCUMENTATION.splitlines() if line.startswith("| `"))
        self.assertIn("NOT_SYNCED", faults)
        for fault in faults:
            if fault != "NONE":
                self.assertIn(f"`{fault}`", rows)

    def test_faults_of_an_entry(self):
        server = self.server("signet")
        self.agent_of(server)
        pid = self.workload().pid
        agent_id = self.agent_id(server)

        with self.subTest("no entry"):
            self.assert_faults(self.ask_agent("-pid", pid), "NO_ENTRY")

        with self.subTest("selector typo"):
            entry = server.create_entry("/typo", "/node", [OUR_UID, PATH + "x"])
            self.wait_entry("/typo", pid)
            answer = self.ask_agent("-pid", pid)
            self.assert_faults(answer, "SELECTOR_MISSING")
            self.assertEqual(answer["findings"][0]["selectors"], [PATH + "x"])
            self.assertIn(PATH, answer["findings"][0]["text"])
            self.assertEqual(answer["attestors"][0]["name"], "unix")
            self.assertGreater(int(answer["attestors"][0]["took_us"]), 0)
            self.assert_faults(self.ask_server(server, "-entryID", entry, "-selector", OUR_UID, "-selector", PATH),
                               "SELECTOR_MISSING")
            server.must("entry", "delete", "-entryID", entry)

        with self.subTest("as it is documented"):
            entry = server.create_entry("/shop", "/node", ["unix:path:/usr/bin/shpo"])
            words = argv("signet", "agent", "explain", "-selector", "unix:path:/usr/bin/shop", "-socketPath", self.asked.admin)
            wait_until("the agent to have it", lambda: "=> selector missing" in run(words).out)
            self.assert_documented(run(words).out, "selector missing")
            server.must("entry", "delete", "-entryID", entry)

        with self.subTest("wrong uid"):
            entry = server.create_entry("/user", "/node", ["unix:uid:54321", PATH])
            self.wait_entry("/user", pid)
            answer = self.ask_agent("-pid", pid)
            self.assert_faults(answer, "WRONG_UID")
            self.assertIn(OUR_UID, answer["findings"][0]["text"])
            server.must("entry", "delete", "-entryID", entry)
            wait_until("the agent to hear of it", lambda: TD + "/user" not in {
                e["spiffe_id"] for e in self.ask_agent("-pid", pid)["entries"]})

        with self.subTest("wrong parent; with a typo"):
            entry = server.create_entry("/lost", "/elsewhere", [OUR_UID, PATH])
            self.assert_faults(self.ask_agent("-pid", pid), "WRONG_PARENT")
            self.assertNotIn("/lost", json.dumps(self.ask_agent("-pid", pid)), "the agent learns no more")
            found = self.ask_server(server, "-agentID", agent_id, "-selector", OUR_UID, "-selector", PATH)
            self.assert_faults(found, "WRONG_PARENT")
            self.assertEqual(found["findings"][0]["entry_id"], entry)
            self.assert_faults(self.ask_server(server, "-entryID", entry, "-agentID", agent_id, "-selector", PATH + "y",
                                               "-selector", OUR_UID), "WRONG_PARENT", "SELECTOR_MISSING")
            server.must("entry", "delete", "-entryID", entry)

        with self.subTest("expired; with another uid"):
            expires = int(time.time()) + 1
            entry = server.create_entry("/over", "/node", [OUR_UID, PATH], "-entryExpiry", expires)
            other = server.create_entry("/older", "/node", ["unix:uid:54321", PATH, "unix:gid:54321"], "-entryExpiry",
                                        expires)
            wait_until("it to expire", lambda: time.time() > expires)
            self.assert_faults(self.ask_agent("-pid", pid), "ENTRY_EXPIRED")
            self.assert_faults(self.ask_server(server, "-spiffeID", f"{TD}/over"), "ENTRY_EXPIRED")
            server.must("entry", "delete", "-entryID", entry)
            self.assert_faults(self.ask_agent("-pid", pid), "ENTRY_EXPIRED", "WRONG_UID", "SELECTOR_MISSING")
            server.must("entry", "delete", "-entryID", other)

        with self.subTest("none"):
            server.create_entry("/good", "/node", [OUR_UID, PATH])
            self.wait_entry("/good", pid)
            self.assert_faults(self.ask_agent("-pid", pid))
            self.assert_faults(self.ask_agent("-selector", OUR_UID, "-selector", PATH))
            self.assert_faults(self.ask_server(server, "-spiffeID", f"{TD}/good"))
            # The words that people read, and the command that leads to the agent's.
            text = run(argv("signet", "explain", "-pid", str(pid), "-socketPath", self.asked.admin))
            self.assertTrue(text.out.startswith("An identity is given.\n"), text)
            self.assertEqual(text.code, 0)
            self.assertIn("signet server explain", run(argv("signet", "explain", "-entryID", "x")).err)

        with self.subTest("a process that is gone"):
            gone = self.workload()
            gone.kill()
            self.assert_faults(self.ask_agent("-pid", gone.pid), "PROCESS_GONE")

    def test_faults_of_the_agent(self):
        server = self.server("signet")
        agent = self.agent_of(server)
        agent_id = self.agent_id(server)
        entry = server.create_entry("/web", agent_id[len(TD):], [OUR_UID, PATH])
        pid = self.workload().pid
        self.wait_entry("/web", pid)
        self.assert_faults(self.ask_server(server, "-entryID", entry))

        server.must("agent", "ban", "-spiffeID", agent_id)
        self.assert_faults(self.ask_server(server, "-entryID", entry), "AGENT_BANNED")
        self.assert_faults(self.ask_server(server, "-entryID", entry, "-selector", OUR_UID, "-selector", PATH + "y"),
                           "AGENT_BANNED", "SELECTOR_MISSING")
        agent.process.wait_exit(30)
        self.assert_faults(self.ask_agent("-pid", pid), "AGENT_AWAY")

        server.must("agent", "evict", "-spiffeID", agent_id)
        self.assert_faults(self.ask_server(server, "-entryID", entry), "AGENT_NOT_ATTESTED")
        self.assert_faults(self.ask_server(server, "-entryID", entry, "-agentID", agent_id, "-selector",
                                           "unix:uid:54321", "-selector", PATH), "AGENT_NOT_ATTESTED", "WRONG_UID")

    def test_an_agent_without_its_server(self):
        server = self.server("signet")
        agent = self.agent_of(server, start=False, over={"server_port": free_port()})
        agent.start(wait=False)
        wait_listens(self.asked.admin)
        pid = self.workload().pid
        wait_until("the first attempt", lambda: "will retry" in agent.process.text())
        answer = self.ask_agent("-pid", pid)
        self.assert_faults(answer, "AGENT_NOT_ATTESTED")
        self.assertTrue(answer["selectors"])

    def test_a_server_that_goes_away(self):
        server = self.server("signet")
        self.agent_of(server)
        entry = server.create_entry("/web", "/node", [OUR_UID, PATH])
        pid = self.workload().pid
        self.wait_entry("/web", pid)
        self.assertTrue(entry)
        server.kill()
        self.assert_faults(self.ask_agent("-pid", pid), "!SERVER_AWAY")
        self.assert_faults(self.ask_agent("-selector", "unix:uid:54321", "-selector", PATH), "SERVER_AWAY", "WRONG_UID")

    def test_an_agent_that_was_not_told_yet(self):
        server = self.server("signet")
        relay = Relay(server.port)
        self.nodes.append(relay)
        self.agent_of(server, over={"server_port": relay.port})
        agent_id = self.agent_id(server)
        pid = self.workload().pid
        server.create_entry("/old", "/node", ["unix:uid:54321", PATH])
        self.wait_entry("/old", pid)

        relay.freeze(new_ones=True)
        entry = server.create_entry("/shop", "/node", [OUR_UID, PATH])
        for more in ([], ["-agentID", agent_id], ["-agentID", agent_id, "-selector", OUR_UID, "-selector", PATH]):
            answer = self.ask_server(server, "-entryID", entry, *more)
            self.assert_faults(answer, "NOT_SYNCED")
            here, there = int(answer["agent"]["revision"]), int(answer["server"]["revision"])
            self.assertLess(0, here)
            self.assertLess(here, there)
            self.assertIn(f"was told up to revision {here}, the server is at {there}", answer["findings"][0]["text"])
        # What the agent had before is not what it lacks.
        self.assert_faults(self.ask_server(server, "-spiffeID", f"{TD}/old"))
        # It can only know that nobody answers, since when, and how far it is.
        answer = self.ask_agent("-pid", pid)
        self.assert_faults(answer, "SERVER_AWAY", "WRONG_UID")
        self.assertRegex(answer["findings"][0]["text"],
                         rf"no answer within \d+ ms; it last did \d+ s ago, and has told of changes up to revision \d+$")
        self.assertIn(f"signet server explain -agentID {agent_id}", answer["findings"][0]["remedy"])

        # As it is documented, in words.
        words = argv("signet", "server", "explain", "-entryID", entry, "-socketPath", server.socket)
        wait_until("a second to pass", lambda: "has not answered" in run(words).out)
        self.assert_documented(run(words).out, "not synced")
        words = argv("signet", "agent", "explain", "-selector", "unix:gid:54321", "-socketPath", self.asked.admin)
        self.assert_documented(run(words).out, "server away")

        relay.thaw()
        self.wait_entry("/shop", pid)
        self.assert_faults(self.ask_agent("-pid", pid))
        self.assert_faults(self.ask_server(server, "-entryID", entry))

    def test_an_agent_whose_connection_is_lost_without_a_word(self):
        server = self.server("signet")
        relay = Relay(server.port)
        self.nodes.append(relay)
        self.agent_of(server, over={"server_port": relay.port, "experimental": {"sync_interval": "10m"}})
        pid = self.workload().pid
        wait_until("the agent to be told", lambda: self.ask_agent("-pid", pid)["agent"]["revision"] != "0")
        relay.freeze()
        server.create_entry("/new", "/node", [OUR_UID, PATH])
        answer = self.ask_agent("-pid", pid)
        self.assert_faults(answer, "NOT_SYNCED")
        self.assertLess(int(answer["agent"]["revision"]), int(answer["server"]["revision"]))

    def test_an_attestor_that_fails(self):
        server = self.server("signet")
        self.agent_of(server, plugins={
            "WorkloadAttestor unix": {"plugin_data": {"discover_workload_path": True, "workload_size_limit": 1}},
            "WorkloadAttestor c_example": {"plugin_data": {"selectors": ["team:a"]}}})
        pid = self.workload().pid
        entry = server.create_entry("/both", "/node", [OUR_UID, "c_example:team:a"])
        self.wait_entry("/both", pid)
        answer = self.ask_agent("-pid", pid)
        self.assert_faults(answer, "ATTESTOR_FAILED")
        self.assertIn("unix", answer["findings"][0]["text"])
        server.must("entry", "delete", "-entryID", entry)
        entry = server.create_entry("/typo", "/node", [OUR_UID, "c_example:team:b", "c_example:team:a"])
        self.wait_entry("/typo", pid)
        self.assert_faults(self.ask_agent("-pid", pid), "ATTESTOR_FAILED", "SELECTOR_MISSING")
        server.must("entry", "delete", "-entryID", entry)
        server.create_entry("/one", "/node", ["c_example:team:a"])
        self.wait_entry("/one", pid)
        self.assert_faults(self.ask_agent("-pid", pid), "!ATTESTOR_FAILED")

    def test_an_attestor_that_hangs(self):
        server = self.server("signet")
        hangs = self.attestor_that('sleep(2); return fail(call, SIGNET_UNAVAILABLE, "it gives up");')
        self.agent_of(server, plugins={
            "WorkloadAttestor unix": {"plugin_data": {"discover_workload_path": True}},
            "WorkloadAttestor stuck": {"plugin_cmd": str(hangs), "plugin_data": {}}})
        pid = self.workload().pid
        entry = server.create_entry("/both", "/node", [OUR_UID, "stuck:team:a"])
        self.wait_entry("/both", pid)
        answer = self.ask_agent("-pid", pid)
        self.assert_faults(answer, "ATTESTOR_FAILED")
        self.assertRegex(answer["findings"][0]["text"], "^the attestor stuck has not answered after \d+ ms$")
        answer = self.ask_agent("-pid", pid, "-attestorTimeout", "30s")
        self.assert_faults(answer, "ATTESTOR_FAILED")
        self.assertIn("it gives up", answer["findings"][0]["text"])
        server.must("entry", "delete", "-entryID", entry)
        server.create_entry("/one", "/node", [OUR_UID])
        self.wait_entry("/one", pid)
        self.assert_faults(self.ask_agent("-pid", pid), "!ATTESTOR_FAILED")

    def test_a_bundle_that_is_missing(self):
        server = self.server("signet")
        bundle = self.folder / "peer.pem"
        bundle.write_text(server.must("bundle", "show").out)
        server.must("bundle", "set", "-id", "spiffe://peer.org", "-path", bundle)
        server.create_entry("/web", "/node", [OUR_UID, PATH], "-federatesWith", "spiffe://peer.org")
        typo = server.create_entry("/typo", "/node", [OUR_UID, PATH, "unix:gid:54321"], "-federatesWith",
                                   "spiffe://peer.org")
        # No command leaves an entry without its bundle; a database that was mended by hand may.
        server.stop()
        with sqlite3.connect(server.data / "datastore.sqlite3") as database:
            self.assertEqual(database.execute("DELETE FROM bundle WHERE id = 'peer.org'").rowcount, 1)
        database.close()
        server.start()
        self.agent_of(server)
        pid = self.workload().pid
        self.wait_entry("/web", pid)
        self.assert_faults(self.ask_agent("-pid", pid), "!BUNDLE_MISSING")
        self.assert_faults(self.ask_server(server, "-spiffeID", f"{TD}/web"), "!BUNDLE_MISSING")
        self.assert_faults(self.ask_server(server, "-entryID", typo, "-selector", OUR_UID, "-selector", PATH),
                           "SELECTOR_MISSING", "!BUNDLE_MISSING")

    def test_a_clock_that_is_wrong(self):
        server = self.server("signet")
        server.create_entry("/web", "/node", [OUR_UID, PATH])
        pid = self.workload().pid

        agent = self.agent_of(server, "ahead", start=False)
        agent.start(env=self.ahead(120))
        self.wait_entry("/web", pid)
        answer = self.ask_agent("-pid", pid)
        self.assert_faults(answer, "!CLOCK_SKEW")
        self.assertRegex(answer["findings"][0]["text"], r"1[12]\d s ahead")
        self.assert_faults(self.ask_agent("-selector", "unix:uid:54321", "-selector", PATH), "WRONG_UID", "!CLOCK_SKEW")
        agent.kill()

        # So wrong that the server's certificate is taken for an old one: there is no talking to it.
        agent = self.agent_of(server, "lost", start=False)
        agent.start(wait=False, env=self.ahead(864_000))
        wait_until("the first attempt", lambda: "will retry" in agent.process.text())
        self.assert_faults(self.ask_agent("-pid", pid), "CLOCK_SKEW")

    def test_secrets_are_left_out(self):
        server = self.server("signet")
        self.agent_of(server, over={"redact_selectors": ["c_example:secret"]}, plugins={
            "WorkloadAttestor c_example": {"plugin_data": {"selectors": ["secret:hush", "team:a"]}}})
        server.create_entry("/web", "/node", ["c_example:secret:hush", "c_example:team:b"])
        pid = self.workload().pid
        self.wait_entry("/web", pid)
        answer = self.ask_agent("-pid", pid)
        self.assert_faults(answer, "SELECTOR_MISSING")
        self.assertIn("c_example:secret:[redacted]", answer["selectors"])
        self.assertNotIn("hush", json.dumps(answer))
        for node in self.nodes[:2]:
            self.assertNotIn("hush", node.process.text())

    def test_workloads_cannot_ask(self):
        server = self.server("signet")
        agent = self.agent_of(server)
        result = run(argv("signet", "agent", "explain", "-pid", str(self.workload().pid), "-socketPath", agent.socket))
        self.assertEqual(result.code, 1)
        self.assertEqual(result.out, "")
        self.assertRegex(result.err, "(?i)unimplemented|security header", result)


if __name__ == "__main__":
    unittest.main()
