"""Very many agents that have nothing to do.

Each polls as SPIRE's agent does: every 5 s its entries and the bundle, on a connection that stays.
Three servers answer from memory; what each still asks PostgreSQL for is a few statements a second, each
of which reads as little with all entries as with none. 200 agents and 20,000 entries for 30 s in CI,
1,000 and 100,000 for 5 minutes in `scripts/test.sh long idle`.
"""

import collections
import json
import subprocess
import time
import unittest

from harness import paths, postgres
from harness.case import needs_signet
from harness.process import Process, wait_until
from harness.several import SeveralServers

LONG = paths.long_run()
AGENTS = 1_000 if LONG else 200
ENTRIES = 100_000 if LONG else 20_000
SECONDS = 300 if LONG else 30
SECONDS_BEFORE = 40 if LONG else 5  # without entries; 40: what comes every 30 s is among it
STATEMENTS_PER_SECOND = 10
# Each statement may touch so many more rows and blocks than without entries: an index may be a level
# or two higher, a counter more may exist.
MORE = 4
# Of one that did not run so often in both spans. What comes after minutes comes on a new connection, whose first
# statements read up to 700 blocks of PostgreSQL's own catalogs to be planned; a walk over the entries
# reads 1,200 in CI and 6,000 at full size.
OFTEN = 10
ROWS_IN_ALL = 16
BLOCKS_IN_ALL = 900


@needs_signet
@unittest.skipUnless(postgres.installed(), "PostgreSQL is not installed")
class IdleAgents(SeveralServers):
    def statements(self):
        """What has been run since the last call, by server and text: (times, rows in all, blocks in all)."""
        rows = json.loads(self.database.sql(
            "SELECT coalesce(json_agg(json_build_array(r.rolname, s.query, s.calls, s.rows, "
            "s.shared_blks_hit + s.shared_blks_read)), '[]') FROM pg_stat_statements s "
            "JOIN pg_roles r ON r.oid = s.userid JOIN pg_database d ON d.oid = s.dbid "
            "WHERE d.datname = 'signet'"))
        self.database.sql("SELECT pg_stat_statements_reset()")
        return {(who, text): costs for who, text, *costs in rows}

    @staticmethod
    def each(statements):
        """How often each statement ran, and rows and blocks of one run, by its text."""
        sums = collections.defaultdict(lambda: [0, 0, 0])
        for (_, text), costs in statements.items():
            sums[text] = [a + b for a, b in zip(sums[text], costs)]
        return {text: (times, rows / times, blocks / times) for text, (times, rows, blocks) in sums.items()}

    def span(self, seconds, case):
        """The statements of so many idle seconds, and what the load generator says of them."""
        self.statements()
        time.sleep(seconds)  # what is measured is time going by
        found = self.statements()
        self.load.popen.stdin.write(b"\n")
        self.load.popen.stdin.flush()
        said = self.wait_case(case)
        self.assertEqual(said["errors"], 0, said)
        self.assertGreater(said["ops"], AGENTS * seconds / 5 * 0.5, "the agents did poll")
        return found, said

    def wait_case(self, case, seconds=120):
        return wait_until(case, lambda: next((x for x in self.json_lines(self.load) if x["case"] == case), None)
                          if self.load.running() or case in self.load.text()
                          else self.fail(self.load.text()), seconds, 0.2)

    def test_few_statements_and_none_that_grows(self):
        self.begin({"server": {"log_level": "INFO"}}, settings=[
            "shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track_utility=on"])
        self.database.sql("CREATE EXTENSION pg_stat_statements")
        first = self.servers[0]
        self.load = Process("load", [paths.peer("svidload"), "idle", "-socket", first.socket,
                                     "-addr", ",".join(f"{s.address}:{s.port}" for s in self.servers),
                                     "-pid", first.process.pid, "-agents", AGENTS, "-entries", ENTRIES],
                            self.folder / "load.log", stdin=subprocess.PIPE)
        self.nodes.append(self.load)
        self.wait_case("idle_joined")
        before, _ = self.span(SECONDS_BEFORE, "idle_without_entries")
        self.wait_case("idle_created", 300)
        after, said = self.span(SECONDS, "idle_with_entries")
        rates = {server.name: sum(times for (who, _), (times, _, _) in after.items() if who == server.name) / SECONDS
                 for server in self.servers}
        cost_before, cost = self.each(before), self.each(after)
        self.figures(agents=AGENTS, entries=ENTRIES, seconds=SECONDS,
                     statements_per_second={name: round(rate, 1) for name, rate in rates.items()},
                     different_statements=len(cost),
                     most_blocks_each=max(round(blocks, 1) for _, _, blocks in cost.values()),
                     polls_per_second=round(said["per_second"], 1),
                     first_server_polls_per_cpu_second=round(said["per_cpu_second"] / len(self.servers)),
                     first_server_rss_mib=round(said["rss_kb"] / 1024, 1))
        for name, rate in rates.items():
            self.assertGreater(rate, 0, name)
            self.assertLessEqual(rate, STATEMENTS_PER_SECOND, (name, after))
        for text, (times, *costs) in cost.items():
            times_before, *costs_before = cost_before.get(text, (0,))
            limits = ([n + MORE for n in costs_before] if min(times, times_before) >= OFTEN
                      else [ROWS_IN_ALL, BLOCKS_IN_ALL])
            for value, limit in zip(costs, limits):
                self.assertLessEqual(value, limit, text)


if __name__ == "__main__":
    unittest.main()
