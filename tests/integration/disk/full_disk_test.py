"""A full disk and a folder that cannot be written: a clear error, and the state as before."""

import json
import os
import subprocess
import unittest

from harness import paths
from harness.case import OUR_UID, TestCase, needs_root, needs_signet
from harness.process import run, wait_until

TD = "spiffe://example.org"


@needs_root
@needs_signet
class Disk(TestCase):
    def small_disk(self, megabytes):
        """A file system of its own, for a test that fills it."""
        where = self.folder / "disk"
        where.mkdir()
        done = run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", where])
        if done.code != 0:
            self.skipTest(f"cannot mount a tmpfs here: {done.err.strip()}")
        # After the processes are gone (nodes end in run(), before the folder is removed).
        self.addCleanup(lambda: run(["umount", "-l", where]))
        return where

    def on_disk(self, where):
        return {"server": {"data_dir": str(where)}, "plugins": {
            "DataStore sql": {"plugin_data": {"connection_string": str(where / "datastore.sqlite3")}},
            "KeyManager disk": {"plugin_data": {"keys_path": str(where / "keys.json")}}}}

    def create(self, server, name):
        answers, end = self.call(server, "spire.api.server.entry.v1.Entry/BatchCreateEntry", {"entries": [{
            "id": name, "spiffe_id": {"trust_domain": "example.org", "path": f"/{name}"},
            "parent_id": {"trust_domain": "example.org", "path": "/node"},
            "selectors": [{"type": "unix", "value": f"user:{name}-{n}"} for n in range(200)]}]})
        self.assertEqual(end["code"], "OK", end)  # each item has a status of its own
        self.status = answers[0]["results"][0].get("status", {})
        return self.status.get("code", 0)

    def test_a_full_disk_refuses_and_keeps_what_was_there(self):
        where = self.small_disk(8)
        server = self.server("signet", self.on_disk(where))
        kept = []
        while self.create(server, f"e{len(kept)}") == 0:
            kept.append(f"e{len(kept)}")
            if len(kept) == 20:  # then the rest of the disk goes to somebody else
                free = os.statvfs(where)
                (where / "ballast").write_bytes(b"\0" * (free.f_bavail * free.f_bsize - 256 * 1024))
            self.assertLess(len(kept), 2000, "the disk is never full")
        self.assertGreaterEqual(len(kept), 20)
        self.assertEqual(self.status["code"], 8, self.status)  # RESOURCE_EXHAUSTED
        self.assertRegex(self.status["message"], "^failed to create entry: .*disk is full")
        wait_until("the log to say so", lambda: "full" in server.process.text().lower(), 10)
        # It still answers, with everything it has promised.
        answers, end = self.call(server, "spire.api.server.entry.v1.Entry/ListEntries", {
            "output_mask": {"spiffe_id": True}})
        self.assertEqual(end["code"], "OK")
        self.assertLessEqual(set(kept), {e["id"] for e in answers[0]["entries"]})
        # Room again: it works again, without a restart, and after one everything is there.
        (where / "ballast").unlink()
        wait_until("a new entry", lambda: self.create(server, "after") in (0, 6))
        server.kill()
        server.start()
        answers, _ = self.call(server, "spire.api.server.entry.v1.Entry/ListEntries", {
            "output_mask": {"spiffe_id": True}})
        self.assertLessEqual({*kept, "after"}, {e["id"] for e in answers[0]["entries"]})

    def test_an_agent_whose_disk_is_full_goes_on_and_keeps_what_was_there(self):
        """Its renewals cannot be kept meanwhile: it says so, serves, and catches up."""
        server = self.server("signet", {"server": {"agent_ttl": "20s"}})
        server.create_entry("/me", "/node", [OUR_UID])
        where = self.small_disk(4)
        agent = self.agent("signet", server, {
            "agent": {"data_dir": str(where), "experimental": {"sync_interval": "1s"}},
            "plugins": {"KeyManager disk": {"plugin_data": {"directory": str(where)}}}})
        self.wait_ids(agent, [f"{TD}/me"])
        files = {p: p.read_bytes() for p in where.iterdir()}
        free = os.statvfs(where)
        (where / "ballast").write_bytes(b"\0" * (free.f_bavail * free.f_bsize))
        # At half of its life the SVID is to be renewed.
        wait_until("the failure in the log", lambda: "No space left on device" in agent.process.text(), 30)
        self.assertEqual(self.ids(agent), [f"{TD}/me"])
        for path, content in files.items():
            self.assertEqual(path.read_bytes(), content, path)
        # It tries again and again; what it could not write whole it takes away.
        wait_until("nothing half-written to lie about", lambda: {p.name for p in where.iterdir()} ==
                   {p.name for p in files} | {"ballast"}, 10)
        (where / "ballast").unlink()
        agent.process.wait_log("Successfully rotated agent SVID", 30)
        agent.kill()
        agent.start(token=None)
        self.wait_ids(agent, [f"{TD}/me"])

    def test_a_folder_that_cannot_be_written_is_named(self):
        """By a read-only file system: root is stopped by nothing less."""
        where = self.small_disk(8)
        self.assertEqual(run(["mount", "-o", "remount,ro", where]).code, 0)
        server = self.server("signet", self.on_disk(where), start=False)
        server.start(wait=False)
        self.assertNotEqual(server.process.wait_exit(20), 0)
        self.assertIn(str(where), server.process.text())

    def test_an_agent_whose_folder_cannot_be_written_says_so(self):
        server = self.server("signet")
        where = self.small_disk(4)
        agent = self.agent("signet", server, {
            "agent": {"data_dir": str(where)},
            "plugins": {"KeyManager disk": {"plugin_data": {"directory": str(where)}}}}, start=False)
        self.assertEqual(run(["mount", "-o", "remount,ro", where]).code, 0)
        agent.start(wait=False)
        self.assertNotEqual(agent.process.wait_exit(30), 0)
        self.assertIn(str(where), agent.process.text())


if __name__ == "__main__":
    unittest.main()
