"""`explain` beside 10,000 entries (SIGNET_EXPLAIN_ENTRIES: as many) as a cluster has them: the nearest ones and what each lacks,
in time."""

import json
import os
import unittest

from harness.case import needs_signet
from harness.explain import TD, ExplainCase
from harness.process import wait_until

ENTRIES = int(os.environ.get("SIGNET_EXPLAIN_ENTRIES", "10000"))
NAMESPACES = ["payments", "catalog", "search", "orders", "mail", "ledger", "media", "risk", "users", "web"]


def workload(number):
    """Namespace, service account and label of the one of this number."""
    namespace = NAMESPACES[number % len(NAMESPACES)]
    return [f"k8s:ns:{namespace}", f"k8s:sa:{namespace}-{number // 100}", f"k8s:pod-label:app:worker-{number}"]


@needs_signet
class Many(ExplainCase):
    def setUp(self):
        self.server_ = self.server("signet")
        self.create([(f"w{n}", workload(n)) for n in range(ENTRIES)])
        self.create([
            ("typo", ["k8s:ns:payments", "k8s:sa:chekcout", "k8s:pod-label:app:checkout"]),
            ("two-typos", ["k8s:ns:catalog", "k8s:sa:browes", "k8s:pod-label:app:browes"]),
            ("other-ns", ["k8s:ns:staging", "k8s:sa:indexer", "k8s:pod-label:app:indexer"]),
        ])

    def create(self, entries):
        self.server_.must("entry", "create", "-data", "-", seconds=120, stdin=json.dumps({"entries": [{
            "entry_id": name, "spiffe_id": f"{TD}/{name}", "parent_id": f"{TD}/node",
            "selectors": [dict(zip(("type", "value"), s.split(":", 1))) for s in selectors],
        } for name, selectors in entries]}))

    def test_the_nearest_of_many(self):
        self.agent_of(self.server_)
        ready = ["-selector", "k8s:ns:payments", "-selector", "k8s:sa:chekcout", "-selector", "k8s:pod-label:app:checkout"]
        wait_until("the agent to have them", lambda: self.ask_agent(*ready)["identity"], 60)
        for ask in (self.ask_agent, lambda *flags: self.ask_server(self.server_, *flags)):
            self.of_a_pod(ask, "payments", "checkout", "typo", ["k8s:sa:chekcout"], "it has k8s:sa:checkout")
            self.of_a_pod(ask, "catalog", "browse", "two-typos", ["k8s:pod-label:app:browes", "k8s:sa:browes"],
                          "it has k8s:pod-label:app:browse")
            self.of_a_pod(ask, "search", "indexer", "other-ns", ["k8s:ns:staging"], "it has k8s:ns:search")
            # A number and the next are not misspelt.
            answer = self.of_a_pod(ask, "orders", "worker-3", "w3", ["k8s:sa:orders-0"], "it has k8s:sa:worker-3")
            self.assertNotIn("w13", [entry["id"] for entry in answer["entries"][:1]])
        self.figures(entries=ENTRIES, slowest_seconds=round(self.slowest, 3))

    def of_a_pod(self, ask, namespace, name, entry, lacks, has):
        """A pod whose nearest entry this is."""
        pod = [f"k8s:ns:{namespace}", f"k8s:sa:{name}", f"k8s:pod-label:app:{name}", "k8s:pod-label:tier:backend",
               f"k8s:pod-name:{name}-7d4b9c-x2x", "k8s:node-name:node-17", f"k8s:container-name:{name}"]
        answer = ask(*(word for selector in pod for word in ("-selector", selector)))
        self.assertEqual(answer["entries"][0]["id"], entry, json.dumps(answer["entries"], indent=1))
        self.assertEqual(answer["entries"][0]["lacks"], lacks)
        self.assert_faults(answer, *["SELECTOR_MISSING"] * len(lacks))
        self.assertTrue(answer["findings"][0]["text"].endswith(has), answer["findings"][0]["text"])
        self.assertEqual(len(answer["entries"]), 10)
        self.assertLess(len(json.dumps(answer)), 16 * 1024)
        return answer


if __name__ == "__main__":
    unittest.main()
