"""The server writes only in the folders that its settings named when it started (Landlock)."""

import ctypes
import json
import os
import signal
import unittest

from harness.case import TestCase, needs_signet
from harness.process import wait_until

SANITIZED = "ASAN_OPTIONS" in os.environ or "TSAN_OPTIONS" in os.environ


def landlock_version():
    """0 where the machine has none."""
    landlock_create_ruleset, version_flag = 444, 1
    return max(ctypes.CDLL(None).syscall(landlock_create_ruleset, None, 0, version_flag), 0)


@needs_signet
@unittest.skipIf(SANITIZED, "a sanitizer's runtime writes its reports where it likes")
@unittest.skipUnless(landlock_version(), "this machine has no Landlock")
class ConfinedWrites(TestCase):
    def publishing(self, path):
        return {"BundlePublisher file": {"plugin_data": {"path": str(path), "format": "spiffe"}}}

    def setUp(self):
        super().setUp()
        self.said = self.folder / "said"
        self.elsewhere = self.folder / "elsewhere"
        self.said.mkdir()
        self.elsewhere.mkdir()

    def test_a_folder_that_changes_into_a_link_leads_nowhere(self):
        server = self.server("signet", {"plugins": self.publishing(self.said / "bundle.json")})
        wait_until("the bundle", (self.said / "bundle.json").exists)
        (self.said / "bundle.json").unlink()
        self.said.rmdir()
        self.said.symlink_to(self.elsewhere)
        server.must("localauthority", "x509", "prepare")
        server.process.wait_log("permission denied")
        self.assertEqual(list(self.elsewhere.iterdir()), [])
        self.assertEqual(server.cli("healthcheck").code, 0)
        server.create_entry("/still", "/node", ["unix:uid:1"])

    def test_another_folder_takes_a_restart_and_is_told_so(self):
        server = self.server("signet", {"plugins": self.publishing(self.said / "bundle.json")})
        text = server.config.read_text()

        def reload(path):
            server.config.write_text(text.replace(str(self.said / "bundle.json"), str(path)))
            os.kill(server.process.pid, signal.SIGHUP)

        reload(self.elsewhere / "bundle.json")
        server.process.wait_log(f'{self.elsewhere}/bundle.json\\" is not where this process could write')
        reload(self.said / "second.json")
        server.process.wait_log("Plugin reconfigured")
        server.must("localauthority", "x509", "prepare")
        second = self.said / "second.json"
        wait_until("the new bundle in the same folder",
                   lambda: second.exists() and len(json.loads(second.read_text())["keys"]) == 3)
        self.assertEqual(list(self.elsewhere.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
