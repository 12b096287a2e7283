"""Ctrl-C while a command waits: it ends at once, says what it can, and exits as the shell expects.

One that does not end by itself is ended by the kernel two seconds later, with the same exit code: it says nothing.
"""

import contextlib
import os
import pathlib
import signal
import socket

from harness import paths
from harness.case import TestCase, needs_signet
from harness.deploy import argv
from harness.process import Process, wait_until


@needs_signet
class CtrlC(TestCase):
    def silent_server(self):
        """A socket that accepts connections and never answers."""
        path = self.folder / "silent.sock"
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(20 * paths.slow())
        return path, listener

    def end(self, process, how, code, says="code = Canceled desc = context canceled"):
        process.popen.send_signal(how)
        self.assertEqual(process.wait_exit(), code, process.text())
        self.assertIn(says, process.text(), "the kernel had to end it")

    def test_ends_the_wait_for_an_answer(self):
        path, listener = self.silent_server()
        for how, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            process = self.spawn(
                f"count-{code}", argv("signet", "server", "entry", "count", "-socketPath", path))
            connection, _ = listener.accept()
            with connection:
                connection.recv(1)
                self.end(process, how, code)

    def test_ends_the_wait_for_an_identity(self):
        path, listener = self.silent_server()
        process = self.spawn("fetch", argv("signet", "agent", "api", "fetch", "x509", "-timeout",
                                           "60s", "-socketPath", path))
        connection, _ = listener.accept()
        with connection:
            connection.recv(1)
            self.end(process, signal.SIGINT, 130)

    def test_ends_the_wait_for_standard_input(self):
        reading, writing = os.pipe()
        self.addCleanup(os.close, writing)
        process = Process("create", argv("signet", "server", "entry", "create", "-data", "-"),
                          self.folder / "create.log", stdin=reading)
        self.addCleanup(process.kill)
        os.close(reading)
        # The kernel takes signals as soon as this thread is there.
        tasks = pathlib.Path(f"/proc/{process.pid}/task")

        def names():
            for task in tasks.iterdir():
                with contextlib.suppress(OSError):  # it has ended meanwhile
                    yield (task / "comm").read_text()
        wait_until("the signal thread", lambda: "signals\n" in names())
        self.end(process, signal.SIGINT, 130, "interrupted")
