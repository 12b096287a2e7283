"""signet dev: server and agent in one process, from nothing to an identity, and nothing left over."""

import os
import pathlib
import pwd
import shutil
import signal
import stat
import time
import unittest

from harness import paths
from harness.case import UID_STRANGER, TestCase, needs_root, needs_signet
from harness.deploy import argv
from harness.process import run

READY = "Ctrl-C ends it."
READY_SECONDS = 10.0  # two are promised; five times that on a busy machine


@needs_signet
@unittest.skipUnless((paths.PLUGINS / "role-dev.so").exists(), "role-dev is not built")
class Dev(TestCase):
    def start(self, name="dev", uid=None, *words):
        """Runs `signet dev` in a folder of its own until it says that it is ready."""
        home = self.folder / "home"
        if not home.exists():
            home.mkdir(mode=0o755)
            if uid is not None:
                os.chown(home, uid, uid)
        began = time.monotonic()
        dev = self.spawn(name, argv("signet", "dev", "-dataDir", home / "state", *words), uid=uid)
        dev.wait_log(READY, READY_SECONDS)
        print(f"    {name}: ready after {time.monotonic() - began:.2f} s")
        return dev

    @property
    def state(self):
        return self.folder / "home" / "state"

    @property
    def socket(self):
        return self.state / "agent.sock"

    def end(self, dev, how=signal.SIGINT):
        dev.popen.send_signal(how)
        code = dev.wait_exit()
        text = dev.text()
        self.assertEqual(code, 0, text)
        for report in ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:"):
            self.assertNotIn(report, text)

    def sockets_left(self):
        return [p for p in self.folder.rglob("*") if stat.S_ISSOCK(p.lstat().st_mode)]

    def check_identities(self, uid=None):
        me = pwd.getpwuid(os.geteuid() if uid is None else uid).pw_name
        want = f"spiffe://example.org/dev/{me}"
        code, lines = self.probe("fetch-x509", "-socket", self.socket, uid=uid)
        self.assertEqual((code, [s["spiffe_id"] for s in lines[0]["svids"]]), (0, [want]), lines)
        code, lines = self.probe("fetch-jwt", "-socket", self.socket, "-audience", "a", uid=uid)
        self.assertEqual((code, [s["spiffe_id"] for s in lines[0]["svids"]]), (0, [want]), lines)

    def admin(self, *words):
        return run(argv("signet", "server", *words, "-socketPath", self.state / "server" / "api.sock"))

    def test_from_nothing_to_an_identity_and_back(self):
        dev = self.start()
        self.check_identities()
        text = dev.text()
        for part in (f"unix://{self.socket}", str(self.state), "signet agent api fetch x509"):
            self.assertIn(part, text)
        self.end(dev)
        self.assertEqual(self.sockets_left(), [])
        self.assertEqual([p.name for p in (self.folder / "home").iterdir()], ["state"])
        for room in ("server", "agent"):
            self.assertEqual((self.state / room).stat().st_mode & 0o077, 0, room)

    def test_a_second_start_goes_on_with_the_first_ones_state(self):
        dev = self.start("first")
        bundle = self.admin("bundle", "show").out
        agents = self.admin("agent", "list").out
        self.end(dev, signal.SIGTERM)
        dev = self.start("second")
        self.check_identities()
        self.assertEqual(self.admin("bundle", "show").out, bundle, "the authorities are the same")
        self.assertEqual(self.admin("agent", "list").out, agents, "the agent did not join again")
        self.assertIn("Found 2 entries", self.admin("entry", "show").out)
        self.end(dev)

    def test_after_a_power_cut_or_a_lost_agent_it_comes_up_again(self):
        dev = self.start("first")
        dev.kill()
        dev = self.start("second")
        self.check_identities()
        self.end(dev)
        shutil.rmtree(self.state / "agent")
        dev = self.start("third")
        self.check_identities()
        self.assertIn("Found 2 attested agents", self.admin("agent", "list").out)
        self.assertIn("Found 2 entries", self.admin("entry", "show").out)
        self.end(dev)
        self.assertEqual(self.sockets_left(), [])

    def test_two_in_one_folder_and_two_trust_domains_in_one_folder_are_refused(self):
        dev = self.start()
        again = run(argv("signet", "dev", "-dataDir", self.state))
        self.assertEqual(again.code, 1)
        self.assertIn("another signet dev is running", again.err)
        self.check_identities()
        self.end(dev)
        other = run(argv("signet", "dev", "-dataDir", self.state, "-trustDomain", "other.test"))
        self.assertEqual(other.code, 1)
        self.assertIn("holds the state of the trust domain example.org", other.err)

    def test_ctrl_c_while_it_starts_leaves_nothing_but_the_folder(self):
        for i, pause in enumerate((0.02, 0.06, 0.1, 0.15)):
            dev = self.spawn(f"early{i}", argv("signet", "dev", "-dataDir", self.folder / f"s{i}"))
            time.sleep(pause * paths.slow())
            dev.popen.send_signal(signal.SIGINT)
            code = dev.wait_exit()
            # Before the life cycle begins, the signal ends the process as it ends any command;
            # before main() even, as it ends any process.
            self.assertIn(code, (0, 130, -signal.SIGINT), dev.text())
            self.assertEqual(self.sockets_left(), [])

    @needs_root
    def test_as_another_user(self):
        dev = self.start("dev", UID_STRANGER)
        self.check_identities(UID_STRANGER)
        self.assertEqual(self.ids_at_socket(1), "PermissionDenied", "other users get no identity")
        # Its memory holds keys: not even another process of its own user may look into it.
        other = self.spawn("other", ["sleep", "60"], uid=UID_STRANGER)
        for process, code in ((dev, 1), (other, 0)):
            looked = run(["cat", f"/proc/{process.pid}/environ"], uid=UID_STRANGER)
            self.assertEqual(looked.code, code, looked)
        self.end(dev)
        self.assertEqual(self.sockets_left(), [])
        for path in self.state.rglob("*"):
            self.assertEqual(path.stat().st_uid, UID_STRANGER, path)

    def ids_at_socket(self, uid):
        code, lines = self.probe("fetch-x509", "-socket", self.socket, uid=uid)
        return lines[0]["code"] if code else [s["spiffe_id"] for s in lines[0]["svids"]]

    def test_a_socket_elsewhere(self):
        where = pathlib.Path(self.folder / "elsewhere" / "w.sock")
        dev = self.start("dev", None, "-socketPath", where)
        code, _ = self.probe("fetch-x509", "-socket", where)
        self.assertEqual(code, 0)
        self.assertFalse(self.socket.exists())
        self.end(dev)
        self.assertEqual(self.sockets_left(), [])


if __name__ == "__main__":
    unittest.main()
