"""A container's identity by a container engine, for a process in a real cgroup, beside the attestor `unix`."""

import subprocess
import sys
import time
import unittest

from harness import h2
from harness.case import OUR_UID, TestCase, needs_signet
from harness.docker_engine import ID, Engine, writable_cgroup
from harness.process import wait_until

TD = "spiffe://example.org"
# Waits for a line, so that it can be put into a cgroup, calls FetchX509SVID, prints the paths of the IDs
# that it gets or what it is told, and waits for its end.
CALLER = r"""
import re, socket, sys
sys.stdin.readline()
s = socket.socket(socket.AF_UNIX)
s.settimeout(30)
s.connect(sys.argv[1])
s.sendall(bytes.fromhex(sys.argv[2]))
seen = b""
while b"spiffe://example.org/" not in seen and b"grpc-status" not in seen:
    got = s.recv(65536)
    if not got:
        break
    seen += got
print(sorted(set(re.findall(r"spiffe://example\.org(/[a-z]+)", seen.decode("latin-1")))), flush=True)
sys.stdin.readline()
"""
CALL = (h2.PREFACE + h2.settings()
        + h2.frame(h2.HEADERS, h2.END_HEADERS, 1,
                   h2.headers("/SpiffeWorkloadAPI/FetchX509SVID", ("workload.spiffe.io", "true")))
        + h2.frame(h2.DATA, h2.END_STREAM, 1, h2.message())).hex()


@needs_signet
class Docker(TestCase):
    def setUp(self):
        self.cgroups = writable_cgroup()
        if self.cgroups is None:
            self.skipTest("needs root and a writable cgroup file system, to put a process into a cgroup")
        self.addCleanup(self.remove_cgroups)
        self.engine = Engine(self.folder / "docker.sock")
        self.addCleanup(self.engine.close)
        self.callers = []
        self.addCleanup(self.end_callers)
        server = self.server("signet")
        self.agent_ = self.agent("signet", server, {
            "agent": {"experimental": {"sync_interval": "1s"}},
            "plugins": {"WorkloadAttestor docker": {"plugin_data": {
                "docker_socket_path": f"unix://{self.engine.server_address}",
                "podman_socket_path": f"unix://{self.folder}/none.sock"}}}})
        server.create_entry("/db", "/node", ["docker:label:app:db", "docker:env:ROLE=main"])
        server.create_entry("/image", "/node", ["docker:image_config_digest:sha256:" + "ab" * 32])
        server.create_entry("/any", "/node", [OUR_UID])
        wait_until("the entries at the agent",
                   lambda: self.agent_.process.text().count('msg="SVID updated"') >= 3, 10)

    def remove_cgroups(self):
        for folder in sorted(self.cgroups.rglob("*"), reverse=True):
            if folder.is_dir():
                folder.rmdir()
        self.cgroups.rmdir()

    def end_callers(self):
        for caller in self.callers:
            caller.kill()
            caller.wait()
            caller.stdin.close()
            caller.stdout.close()

    def caller(self, cgroup):
        caller = subprocess.Popen([sys.executable, "-c", CALLER, self.agent_.socket, CALL],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.callers.append(caller)
        folder = self.cgroups / cgroup
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cgroup.procs").write_text(str(caller.pid))
        return caller

    def ids(self, caller):
        caller.stdin.write("\n")
        caller.stdin.flush()
        return caller.stdout.readline().strip()

    def run_container(self, caller):
        self.engine.containers[ID] = {
            "Id": ID, "Image": "sha256:" + "ef" * 32, "State": {"Running": True, "Pid": caller.pid},
            "Config": {"Image": "db:1", "Labels": {"app": "db"}, "Env": ["ROLE=main", "TOKEN=hush"]}}

    def test_a_process_in_a_container_has_the_containers_identities(self):
        inside = self.caller(f"docker-{ID}.scope")
        self.run_container(inside)
        self.assertEqual(self.ids(inside), "['/any', '/db', '/image']")
        beside = self.caller("web.service")
        self.assertEqual(self.ids(beside), "['/any']")
        self.assertNotIn("hush", self.agent_.process.text(), "a container's environment is secret")

    def test_a_cgroup_of_ones_own_that_bears_the_containers_name_proves_nothing(self):
        inside = self.caller(f"docker-{ID}.scope")
        self.run_container(inside)
        forger = self.caller(f"web.service/docker-{ID}.scope")
        self.assertEqual(self.ids(forger), "['/any']")
        self.assertIn("is not in the container", self.agent_.process.text())

    def test_an_engine_that_hangs_holds_up_nobody_for_long(self):
        inside = self.caller(f"docker-{ID}.scope")
        self.run_container(inside)
        self.engine.hang = True
        began = time.monotonic()
        self.assertEqual(self.ids(inside), "['/any']", "what `unix` found")
        self.assertLess(time.monotonic() - began, 15, "5 s, and slack for a busy machine")
        # Others are not in a container, so nobody is asked about them.
        asked = self.engine.asked
        self.assertEqual(self.ids(self.caller("web.service")), "['/any']")
        self.assertEqual(self.engine.asked, asked)
        # Once it answers again, the next call has everything.
        self.engine.hang = False
        other = self.caller(f"docker-{ID}.scope")
        self.assertEqual(self.ids(other), "['/any', '/db', '/image']")


if __name__ == "__main__":
    unittest.main()
