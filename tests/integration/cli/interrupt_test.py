"""Ctrl-C while a command waits: it ends at once, says what it can, and exits as the shell expects."""

import os
import pathlib
import signal
import socket
import time

from harness import paths
from harness.case import TestCase, needs_signet
from harness.deploy import argv
from harness.process import Process, wait_until

GRACE = 2.0  # seconds after which the kernel ends a command that does not end by itself


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

    def end(self, process, how, code):
        began = time.monotonic()
        process.popen.send_signal(how)
        self.assertEqual(process.wait_exit(), code, process.text())
        self.assertLess(time.monotonic() - began, GRACE * paths.slow(), "the kernel had to end it")

    def test_ends_the_wait_for_an_answer(self):
        path, listener = self.silent_server()
        for how, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            process = self.spawn(
                f"count-{code}", argv("signet", "server", "entry", "count", "-socketPath", path))
            connection, _ = listener.accept()
            with connection:
                connection.recv(1)
                self.end(process, how, code)
            self.assertIn("code = Canceled desc = context canceled", process.text())

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
        wait_until("the signal thread",
                   lambda: any((t / "comm").read_text() == "signals\n" for t in tasks.iterdir()))
        self.end(process, signal.SIGINT, 130)
        self.assertIn("interrupted", process.text())
