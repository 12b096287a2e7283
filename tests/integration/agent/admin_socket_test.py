"""The agent's admin socket: where it is, who may call there, and that it is there from the start."""

import os
import unittest

from harness import paths
from harness.case import TestCase, needs_signet
from harness.process import run, wait_listens

DEBUG, LOGGER = "spire.agent.debug.v1.Debug/GetInfo", "spire.api.agent.logger.v1.Logger/GetLogger"
DELEGATED = "spire.api.agent.delegatedidentity.v1.DelegatedIdentity/SubscribeToX509Bundles"


@needs_signet
class AdminSocket(TestCase):
    def start(self, over=None):
        self.admin = self.folder / "private" / "admin.sock"
        server = self.server("signet")
        return self.agent("signet", server, {"agent": {"admin_socket_path": str(self.admin), **(over or {})}})

    def code(self, method=LOGGER):
        _, end = self.call(self.admin, method, {})
        return end["code"], end["message"]

    def test_it_is_for_its_group_in_a_folder_of_its_group_and_goes_with_the_agent(self):
        agent = self.start()
        wait_listens(self.admin)
        self.assertEqual(self.admin.stat().st_mode & 0o7777, 0o770)
        self.assertEqual(self.admin.parent.stat().st_mode & 0o7777, 0o750)
        self.assertEqual(self.code(), ("OK", ""))
        # Not offered here, as with SPIRE.
        self.assertEqual(self.code("grpc.health.v1.Health/Check")[0], "Unimplemented")
        self.assertEqual(agent.stop(), 0)
        self.assertFalse(self.admin.exists())

    def test_only_the_users_that_the_settings_name_are_served(self):
        self.start({"experimental": {"admin_uids": [os.geteuid() + 1]}})
        for method in (LOGGER, DEBUG, DELEGATED):
            self.assertEqual(self.code(method), ("PermissionDenied", "caller may not use the admin socket"))

    def test_it_answers_while_the_agent_still_looks_for_its_server(self):
        self.admin = self.folder / "private" / "admin.sock"
        server = self.server("signet")
        agent = self.agent("signet", server, {"agent": {"admin_socket_path": str(self.admin)}}, start=False)
        token = server.token("/node")
        (agent.folder / "bundle.pem").write_text(server.bundle_file().read_text())
        server.stop()
        agent.start(token=token, wait=False)
        wait_listens(self.admin)
        said = run([paths.SIGNET, "agent", "debug", "getinfo", "-socketPath", self.admin])
        self.assertEqual(said.code, 0, said)
        self.assertIn("Last Sync Success:               (never)", said.out)
        self.assertNotIn("SVID Chain", said.out)
        self.assertEqual(self.code(DELEGATED)[0], "Unavailable")

    def test_beside_the_public_socket_it_is_refused(self):
        server = self.server("signet")
        agent = self.agent("signet", server, {"agent": {
            "admin_socket_path": str(self.folder / "agent" / "run" / "admin.sock")}}, name="agent", start=False)
        agent.start(wait=False)
        self.assertEqual(agent.process.wait_exit(), 1)
        self.assertIn("admin socket cannot be in the same directory or a subdirectory as that containing the "
                      "Workload API socket", agent.process.text())


if __name__ == "__main__":
    unittest.main()
