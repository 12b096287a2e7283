"""A process that connects, becomes another program and calls again on the same connection."""

import os
import pathlib
import shutil
import subprocess
import sys
import unittest

from harness import h2
from harness.case import TestCase, needs_signet
from harness.process import wait_until

TD = "spiffe://example.org"
# Connects, or goes on with the connection on descriptor 3; calls FetchX509SVID, prints the paths of the
# IDs it gets, waits for a line, and then becomes the program that it is told to be.
CALLER = r"""
import os, re, socket, sys
where, request = sys.argv[1], bytes.fromhex(sys.argv[2])
if where:
    s = socket.socket(socket.AF_UNIX)
    s.connect(where)
    os.dup2(s.detach(), 3)
s = socket.socket(fileno=3)
s.settimeout(20)
s.sendall(request)
seen = b""
while b"spiffe://example.org/" not in seen and b"grpc-status" not in seen:
    got = s.recv(65536)
    if not got:
        break
    seen += got
print(sorted(set(re.findall(r"spiffe://example\.org(/[a-z]+)", seen.decode("latin-1")))), flush=True)
sys.stdin.readline()
if len(sys.argv) > 3:
    os.set_inheritable(3, True)
    os.execv(sys.argv[3], [sys.argv[3], sys.argv[4], "", sys.argv[5]])
"""


def call(stream):
    return (h2.frame(h2.HEADERS, h2.END_HEADERS, stream,
                     h2.headers("/SpiffeWorkloadAPI/FetchX509SVID", ("workload.spiffe.io", "true")))
            + h2.frame(h2.DATA, h2.END_STREAM, stream, h2.message())).hex()


@needs_signet
class Exec(TestCase):
    def test_the_new_program_has_the_new_programs_identity(self):
        programs = {}
        for name in ("a", "b"):
            programs[name] = self.folder / name / "python"
            programs[name].parent.mkdir(mode=0o755)
            shutil.copy(pathlib.Path(sys.executable).resolve(), programs[name])
        script = self.folder / "caller.py"
        script.write_text(CALLER)
        server = self.server("signet")
        agent = self.agent("signet", server, {
            "agent": {"experimental": {"sync_interval": "1s"}},
            "plugins": {"WorkloadAttestor unix": {"plugin_data": {"discover_workload_path": True}}}})
        for name, program in programs.items():
            server.create_entry(f"/{name}", "/node", [f"unix:path:{program}"])
        wait_until("the entries at the agent",
                   lambda: agent.process.text().count('msg="SVID updated"') >= 2, 10)
        caller = subprocess.Popen(
            [programs["a"], script, agent.socket, (h2.PREFACE + h2.settings()).hex() + call(1),
             programs["b"], script, call(3)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONHOME": sys.base_prefix, "PYTHONDONTWRITEBYTECODE": "1"})
        self.addCleanup(caller.kill)
        first = caller.stdout.readline().strip()
        caller.stdin.write("\n")
        caller.stdin.flush()
        second = caller.stdout.readline().strip()
        self.assertEqual((first, second), ("['/a']", "['/b']"))


if __name__ == "__main__":
    unittest.main()
