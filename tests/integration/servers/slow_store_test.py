"""A database that takes no writes for a while: what needs none goes on."""

import concurrent.futures
import time
import unittest

from harness import postgres
from harness.case import TestCase, needs_signet
from harness.process import wait_until

HELD = 60  # seconds at most
TOKEN = "spire.api.server.agent.v1.Agent/CreateJoinToken"


@needs_signet
@unittest.skipUnless(postgres.installed(), "PostgreSQL is not installed")
class SlowStore(TestCase):
    def test_writes_that_wait_do_not_stop_reads_or_the_health_check(self):
        database = postgres.Postgres(self.folder / "postgres").start()
        self.nodes.append(database)
        server = self.server("signet", {"plugins": {"DataStore sql": database.data_store()}})
        held = self.spawn("held", database.held("counter", HELD))
        wait_until("the table to be held", lambda: "held" in held.text())
        self.probe_path()  # made here, not by all of them at once
        with concurrent.futures.ThreadPoolExecutor(48) as pool:  # more than the server has workers
            writes = [pool.submit(self.call, server, TOKEN, {"ttl": 60}, "-timeout", "30s") for _ in range(48)]
            time.sleep(2)
            for _ in range(3):
                for words in (["healthcheck"], ["bundle", "show"]):
                    server.must(*words)
            self.assertTrue(held.running(), "all that was while nothing could be written")
            database.let_go()
            ends = [write.result()[1] for write in writes]
        self.assertIn("OK", [end["code"] for end in ends], "those that waited were served")
        self.assertIn("too many wait to write", "".join(end.get("message", "") for end in ends))
        server.must("token", "generate")


if __name__ == "__main__":
    unittest.main()
