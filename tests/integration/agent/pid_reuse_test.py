"""A process connects and ends, another gets its process ID, and a call comes on the connection."""

import os
import re
import socket
import subprocess
import sys
import unittest

from harness import h2
from harness.case import OUR_UID, TestCase, needs_signet
from harness.process import wait_until

LAST_PID = "/proc/sys/kernel/ns_last_pid"
CONNECTS = r"""
import socket, sys
s = socket.socket(fileno=int(sys.argv[1]))
s.connect(sys.argv[2])
s.detach()
print("connected", flush=True)
sys.stdin.readline()
"""
# Becomes the parent of a process with a given ID, which other processes of the machine may have taken
# a moment before.
TAKES_ID = r"""
import os, signal, sys
wanted = int(sys.argv[1])
for _ in range(2000):
    with open(sys.argv[2], "w") as last:
        last.write(str(wanted - 1))
    pid = os.fork()
    if pid == 0:
        signal.pause()
    if pid == wanted:
        print("taken", flush=True)
        sys.stdin.readline()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    if pid == wanted:
        sys.exit(0)
print("not to be had", flush=True)
"""


def call(stream):
    return (h2.frame(h2.HEADERS, h2.END_HEADERS, stream,
                     h2.headers("/SpiffeWorkloadAPI/FetchX509SVID", ("workload.spiffe.io", "true")))
            + h2.frame(h2.DATA, h2.END_STREAM, stream, h2.message()))


@unittest.skipUnless(os.access(LAST_PID, os.W_OK), f"needs a writable {LAST_PID}, to choose a process ID")
@needs_signet
class PidReuse(TestCase):
    def start(self, program, *words, **more):
        process = subprocess.Popen([sys.executable, "-c", program, *map(str, words)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True, **more)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)  # ends it
        return process

    def answer(self, connection, request, stream):
        """The path of the first ID, or that the call has ended without one."""
        connection.sendall(request)
        heard = h2.Heard()
        while True:
            ids = re.findall(rb"spiffe://example\.org(/[a-z]+)", heard.bytes)
            if ids:
                return ids[0].decode()
            if heard.answer_to(stream):
                return "ended"
            got = connection.recv(65536)
            if not got:
                return "ended"
            heard.bytes += got

    def test_the_new_owner_of_the_number_does_not_vouch_for_the_old_ones_connection(self):
        server = self.server("signet")
        agent = self.agent("signet", server, {"agent": {"experimental": {"sync_interval": "1s"}}})
        server.create_entry("/me", "/node", [OUR_UID])
        wait_until("the entry at the agent", lambda: 'msg="SVID updated"' in agent.process.text(), 10)
        for used_before in (False, True):  # an attestation of the old owner is remembered, or none is
            with self.subTest(used_before=used_before), socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(20)
                old = self.start(CONNECTS, connection.fileno(), agent.socket, pass_fds=[connection.fileno()])
                self.assertEqual(old.stdout.readline(), "connected\n")
                begin = h2.PREFACE + h2.settings()
                if used_before:
                    self.assertEqual(self.answer(connection, begin + call(1), 1), "/me")
                    begin = b""
                old.stdin.write("\n")
                old.stdin.flush()
                old.wait()
                new = self.start(TAKES_ID, old.pid, LAST_PID)
                if new.stdout.readline() != "taken\n":
                    self.skipTest("the process ID is not to be had")
                self.assertEqual(self.status_of(old.pid), ["0", "0"] if os.geteuid() == 0 else
                                 [str(os.geteuid()), str(os.getegid())], "the same user's, and alive")
                self.assertEqual(self.answer(connection, begin + call(3), 3), "ended")

        def refused():
            return sum("FetchX509SVID" in line and "status=UNAVAILABLE" in line
                       for line in agent.process.text().splitlines())
        wait_until("both calls to be logged", lambda: refused() >= 2, 10)
        self.assertEqual(refused(), 2)

    @staticmethod
    def status_of(pid):
        with open(f"/proc/{pid}/status") as status:
            text = status.read()
        return [re.search(rf"^{name}:\s+(\d+)", text, re.M)[1] for name in ("Uid", "Gid")]


if __name__ == "__main__":
    unittest.main()
