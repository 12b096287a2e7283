"""Several servers on one PostgreSQL, each with keys of its own: one port of 127.0.0.1, .2, .3.

Agents see them as they see pods behind one name; `ALL` names all of them.
"""

import collections
import json
import os
import pathlib
import random
import time

from . import deploy, postgres
from .case import TestCase
from .process import wait_until

ADDRESSES = [f"127.0.0.{n}" for n in (1, 2, 3)]
ALL = ",".join(ADDRESSES)
TD = "spiffe://example.org"
ME = f"{TD}/me"


class SeveralServers(TestCase):
    def begin(self, over=None, **of_database):
        """The database, and three servers that serve, each known to it by its name. SIGNET_TEST_SEED repeats a run."""
        self.seed = int(os.environ.get("SIGNET_TEST_SEED", random.SystemRandom().randrange(2**32)))
        self.random = random.Random(self.seed)
        print(f"    seed {self.seed}")
        self.database = postgres.Postgres(self.folder / "postgres", **of_database).start()
        self.nodes.append(self.database)
        port = deploy.free_port(*ADDRESSES[1:])
        self.servers = []
        for number, address in enumerate(ADDRESSES):
            name = f"server{number}"
            self.database.sql(f"CREATE ROLE {name} LOGIN SUPERUSER")
            settings = deploy.merge({"plugins": {"DataStore sql": self.database.data_store(user=name)}}, over)
            server = deploy.Server("signet", self.folder / name, settings, name, address, port)
            self.nodes.append(server)
            self.servers.append(server.start())

    def agents_at(self, places, over=None):
        """One agent for each address or list of addresses. They come up side by side."""
        agents = []
        for number, address in enumerate(places):
            settings = deploy.merge({"agent": {"server_address": address,
                                               "experimental": {"sync_interval": "1s"}}}, over)
            agents.append(self.agent("signet", self.servers[0], settings, f"agent{number}", start=False))
            agents[-1].start(wait=False)
        for agent in agents:
            agent.wait_healthy()
        return agents

    def verify_across(self, agents, rate):
        """Starts the verifier: SVIDs of one agent, bundle of another."""
        sockets = ",".join(str(agent.socket) for agent in agents)
        self.verifier = self.watch("verifier", "cross", "-sockets", sockets, "-spiffe-id", ME,
                                   "-rate", str(rate))
        wait_until("the first verified SVIDs", lambda: self.tally().get("jwt", 0) > 0)
        self.verifying_since = time.monotonic()

    def tally(self):
        tallies = [line for line in self.json_lines(self.verifier) if "failures" in line]
        return tallies[-1] if tallies else {}

    def check_verifier(self, when):
        self.assertTrue(self.verifier.running(), when)
        failed = [line for line in self.json_lines(self.verifier) if "failed" in line]
        self.assertFalse(failed, f"{when}: {failed[:5]}")

    def finish_verifier(self):
        self.check_verifier("at the end")
        self.verifier.terminate()
        tally = self.tally()
        self.assertEqual((tally["failures"], tally["expired"]), (0, 0), tally)
        return {"jwt_svids_verified": tally["jwt"], "x509_svids_verified": tally["x509"],
                "jwt_svids_per_second": round(tally["jwt"] / (time.monotonic() - self.verifying_since)),
                "failed": 0, "refused": sum(tally["refused"].values())}

    def bundle(self, server):
        return json.loads(server.must("bundle", "show", "-format", "spiffe").out)

    def wait_same_bundle(self, when, seconds):
        """Until every living server serves the same bundle; gives how long that took."""
        began = time.monotonic()
        while True:
            asked = time.monotonic() - began
            bundles = [self.bundle(server) for server in self.servers if server.process.running()]
            if all(bundle == bundles[0] for bundle in bundles):
                return asked
            self.assertLess(asked, seconds, f"{when}: bundles differ")

    def x509_authorities(self):
        return sum(key["use"] == "x509-svid" for key in self.bundle(self.servers[0])["keys"])

    def load(self):
        """Entries are created at every server, without end."""
        self.loads = [self.watch(f"load{n}", "create-loop", "-socket", server.socket, "-parent",
                                 "/elsewhere", "-conc", "1", "-pause", "100ms", "-prefix", f"s{n}-")
                      for n, server in enumerate(self.servers)]

    def acknowledged(self):
        return {i for load in self.loads for line in self.json_lines(load) for i in line["acknowledged"]}

    def present(self, server):
        answers, end = self.call(server, "spire.api.server.entry.v1.Entry/ListEntries",
                                 {"output_mask": {"spiffe_id": True}, "page_size": 0}, "-timeout", "60s",
                                 seconds=90)
        self.assertEqual(end["code"], "OK", end)
        return {entry["id"] for entry in answers[0].get("entries", [])}

    def check_nothing_lost(self):
        for load in self.loads:
            load.terminate()
        promised = self.acknowledged()
        self.assertTrue(promised)
        for server in self.servers:
            wait_until(f"{server.name} to have all that was acknowledged",
                       lambda: promised <= self.present(server), 5)
        return len(promised)

    def _connected(self, column):
        """Of each connection that is up: which server this column names (1: the socket's own end, 2: the other), its inode."""
        lines = [line for table in ("tcp", "tcp6")
                 for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
        for fields in map(str.split, lines):
            place, _, number = fields[column].partition(":")
            address = ".".join(str(byte) for byte in reversed(bytes.fromhex(place[-8:])))  # also in IPv6's form
            if fields[3] == "01" and int(number, 16) == self.servers[0].port and address in ADDRESSES:
                yield ADDRESSES.index(address), fields[9]

    def connections(self):
        """How many connections each server has, by what the kernel says."""
        found = collections.Counter(number for number, _ in self._connected(1))
        return [found[number] for number in range(len(ADDRESSES))]

    def connections_of(self, agents):
        """For each agent its connections to servers: the server's number by the socket."""
        servers = {f"socket:[{inode}]": number for number, inode in self._connected(2)}
        return [{socket: servers[socket] for socket in agent.process.opened() & servers.keys()}
                for agent in agents]
