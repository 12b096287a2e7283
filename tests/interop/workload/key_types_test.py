"""Every kind of key that the settings offer, from the authority to the workload, judged by go-spiffe."""

import os
import unittest

from harness.case import TestCase, needs_signet
from harness.process import wait_until

ME = "spiffe://example.org/me"
TYPES = (("ec-p256", "ec-p384"), ("ec-p384", "rsa-2048"), ("rsa-2048", "ec-p256"), ("rsa-4096", "ec-p256"))


@needs_signet
class KeyTypes(TestCase):
    def test_svids_of_each_kind_verify(self):
        for of_server, of_workload in TYPES:
            with self.subTest(ca=of_server, workload=of_workload):
                server = self.server("signet", {"server": {"ca_key_type": of_server, "jwt_key_type": of_server}},
                                     name=f"server-{of_server}")
                server.create_entry("/me", "/node", [f"unix:uid:{os.geteuid()}"])
                agents = [self.agent(impl, server, {"agent": {
                    "workload_x509_svid_key_type": of_workload,
                    "experimental": {"sync_interval": "1s"}}}, name=f"{impl}-{of_server}")
                    for impl in ("signet", "spire")]
                for agent in agents:
                    self.wait_ids(agent, [ME])
                verifier = self.watch(f"verifier-{of_server}", "cross", "-sockets",
                                      ",".join(str(agent.socket) for agent in agents), "-spiffe-id", ME,
                                      "-rate", "20")

                def tally():
                    return next((line for line in reversed(self.json_lines(verifier)) if "failures" in line), {})
                wait_until("some of both to be verified",
                           lambda: min(tally().get("x509", 0), tally().get("jwt", 0)) >= 10, 20)
                verifier.terminate()
                self.assertEqual((tally()["failures"], tally()["expired"], tally()["refused"]), (0, 0, {}))
                for node in (*agents, server):
                    node.stop()


if __name__ == "__main__":
    unittest.main()
