"""Ten faults, each alone and each two of them together that can be, in real processes: `explain` names both in one command,
the one that decides first, and nothing else.

One server and four agents behind a relay, each with entries of its own for each pair. First the agents are well connected;
then the relay falls silent on the connections there are, and more entries come; then the agents are banned without knowing
it, and at last evicted."""

import hashlib
import itertools
import json
import os
import shutil
import sqlite3
import time
import unittest

from harness import paths
from harness.case import needs_root, needs_signet
from harness.explain import BOUND, TD, WORKLOAD, ExplainCase
from harness.process import Process, wait_until
from harness.relay import Relay

# By one letter each, in the order in which they decide; '!': it keeps no identity back.
FAULTS = {
    "B": "AGENT_BANNED", "N": "AGENT_NOT_ATTESTED", "P": "WRONG_PARENT", "E": "ENTRY_EXPIRED", "S": "NOT_SYNCED",
    "A": "ATTESTOR_FAILED", "U": "WRONG_UID", "T": "SELECTOR_MISSING", "K": "!CLOCK_SKEW", "M": "!BUNDLE_MISSING",
}
IMPOSSIBLE = {
    "BN": "of one agent there is a record, and it is banned, or there is none",
    "BS": "a banned agent is not to be told of entries: it lacks none",
    "NS": "nor is one that is not attested",
    "PS": "an agent is not to be told of an entry that is not below it",
    "ES": "nor of one that has expired",
}
CASES = [*FAULTS, *(a + b for a, b in itertools.combinations(FAULTS, 2) if a + b not in IMPOSSIBLE)]
# Only at the node it is known what attestors say and how the clock stands; only at the server what is not the agent's.
AGENT_ONLY, SERVER_ONLY = set("AK"), {"PE", "PU", "PT", "PM", *(a + b for a in "BN" for b in "PEUTM")}
# What an agent is told of an entry that is another's is that all of its selectors match: none of a failed attestor's is
# among them, so that is not in this entry's way.
WANTED = {"PA": ["WRONG_PARENT", "!ATTESTOR_FAILED"]}
FAILS = 'return fail(call, SIGNET_UNAVAILABLE, "what it asks is away");'


class Case:
    """An entry with the faults of its name, and the workload that it is for."""

    def __init__(self, number, name, workloads):
        self.name = name
        self.agent = {(False, False): "plain", (True, False): "broken", (False, True): "skewed",
                      (True, True): "both"}["A" in name, "K" in name]
        self.gid = 70_000 + number
        word = hashlib.sha256(name.encode()).hexdigest()[:8].translate(str.maketrans("0123456789", "ghijklmnop"))
        self.program = workloads / word
        # With a failing attestor a real process is attested; else its selectors are given.
        self.process = "A" in name
        self.uid = os.geteuid() if self.process else 60_000 + number
        self.id = f"case-{name}"

    def selectors(self):
        return [f"unix:uid:{self.uid}", f"unix:gid:{self.gid}", f"unix:path:{self.program}"]

    def entry(self, expires_at):
        uid = 54_321 if "U" in self.name else self.uid
        program = f"{self.program}x" if "T" in self.name else self.program
        selectors = [f"unix:uid:{uid}", f"unix:gid:{self.gid}", f"unix:path:{program}"]
        if "A" in self.name and "P" not in self.name:
            selectors.append("broken:team:a")
        parent = "/spire/agent/join_token/somebody-else" if "P" in self.name else self.parent()
        return {
            "entry_id": self.id, "spiffe_id": f"{TD}/{self.name}", "parent_id": TD + parent,
            "selectors": [dict(zip(("type", "value"), s.split(":", 1))) for s in selectors],
            "federates_with": ["peer.org"] if "M" in self.name else [],
            **({"entryExpiry": expires_at} if "E" in self.name else {}),
        }

    def parent(self):
        # No entry can be made that federates with whom there is no bundle of; so an older one becomes the agent's later.
        return "/later" if self.name == "SM" else f"/node-{self.agent}"

    def want(self):
        return WANTED.get(self.name) or [FAULTS[letter] for letter in self.name]


@needs_root  # each workload has a group of its own
@needs_signet
class Pairs(ExplainCase):
    def test_every_fault_alone_and_beside_each_other_one(self):
        self.assertEqual(len(CASES), 10 + 45 - len(IMPOSSIBLE))
        workloads = self.folder / "bin"
        workloads.mkdir()
        self.cases = [Case(n, name, workloads) for n, name in enumerate(CASES)]
        self.begin()

        self.ask_all(lambda name: not set(name) & set("BNS"))

        self.relay.freeze()
        self.create([case for case in self.cases if "S" in case.name and case.name != "SM"])
        self.server_.create_entry("/later", "/node-plain", ["unix:uid:1"])
        self.ask_all(lambda name: "S" in name)

        for agent_id in self.ids.values():
            self.server_.must("agent", "ban", "-spiffeID", agent_id)
        self.ask_all(lambda name: "B" in name)

        for agent_id in self.ids.values():
            self.server_.must("agent", "evict", "-spiffeID", agent_id)
        self.ask_all(lambda name: "N" in name)

        self.assertEqual(self.answered, {case.name for case in self.cases})
        self.figures(explained=self.asked_times, slowest_seconds=round(self.slowest, 3))
        self.assertLessEqual(self.slowest, 1.0 if paths.long_run() else BOUND * paths.slow())

    # ---- what is planted

    def begin(self):
        server = self.server_ = self.server("signet")
        (self.folder / "peer.pem").write_text(server.must("bundle", "show").out)
        server.must("bundle", "set", "-id", "spiffe://peer.org", "-path", self.folder / "peer.pem")
        self.expires_at = int(time.time()) + 2
        self.create([case for case in self.cases if "S" not in case.name or case.name == "SM"])
        # No command leaves an entry without its bundle; a database that was mended by hand may.
        server.stop()
        with sqlite3.connect(server.data / "datastore.sqlite3") as database:
            self.assertEqual(database.execute("DELETE FROM bundle WHERE id = 'peer.org'").rowcount, 1)
        database.close()
        server.start()

        self.relay = Relay(server.port)
        self.nodes.append(self.relay)
        self.agents, self.ids = {}, {}
        for name in ("plain", "broken", "skewed", "both"):
            self.begin_agent(name)
        for agent in self.agents.values():
            agent.wait_healthy()
        for case in self.cases:
            if case.process:
                self.spawn_workload(case)
        self.answered, self.asked_times = set(), 0
        for name, agent in self.agents.items():
            wait_until(f"{name} to be told of changes", lambda a=agent: self.ask_agent(
                "-selector", "unix:uid:1", of=a)["agent"]["revision"] != "0")
        wait_until("entries to expire", lambda: time.time() >= self.expires_at)

    def begin_agent(self, name):
        plugins = {"WorkloadAttestor unix": {"plugin_data": {"discover_workload_path": True}}}
        if name in ("broken", "both"):
            plugins["WorkloadAttestor broken"] = {"plugin_cmd": str(self.attestor_that(FAILS)), "plugin_data": {}}
        agent = self.agent_of(self.server_, name, start=False, plugins=plugins, path=f"/node-{name}", over={
            "server_port": self.relay.port, "experimental": {"sync_interval": "10m"}})
        token = self.server_.token(agent.path)
        self.ids[name] = f"{TD}/spire/agent/join_token/{token}"
        agent.start(token=token, wait=False, env=self.ahead(120) if name in ("skewed", "both") else None)
        self.agents[name] = agent

    def spawn_workload(self, case):
        shutil.copy(WORKLOAD, case.program)
        case.workload = Process(f"workload-{case.name}", [case.program, "600"], self.folder / f"{case.name}.log",
                                uid=case.uid, gid=case.gid)
        self.nodes.append(case.workload)

    def create(self, cases):
        entries = {"entries": [case.entry(self.expires_at) for case in cases]}
        self.server_.must("entry", "create", "-data", "-", stdin=json.dumps(entries))

    # ---- what is asked

    def ask_all(self, chosen):
        for case in self.cases:
            if not chosen(case.name):
                continue
            with self.subTest(case.name):
                if case.name not in SERVER_ONLY:
                    self.ask(case, at_agent=True)
                if not set(case.name) & AGENT_ONLY:
                    self.ask(case, at_agent=False)
            self.answered.add(case.name)

    def ask(self, case, at_agent):
        self.asked_times += 1
        selectors = [word for selector in case.selectors() for word in ("-selector", selector)]
        if at_agent:
            what = ["-pid", case.workload.pid] if case.process else selectors
            answer = self.ask_agent(*what, of=self.agents[case.agent])
        else:
            answer = self.ask_server(self.server_, "-entryID", case.id, "-agentID", self.ids[case.agent], *selectors)
        self.assert_faults(answer, *case.want())
        if "S" in case.name:
            self.assertLess(0, int(answer["agent"]["revision"]))
            self.assertLess(int(answer["agent"]["revision"]), int(answer["server"]["revision"]))


if __name__ == "__main__":
    unittest.main()
