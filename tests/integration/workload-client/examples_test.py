"""The Workload API client as other people have it: installed, moved, and used by the programs of
examples/workload-client, which are built by CMake's package and by pkg-config's, and run against an agent
whose SVIDs live for ten seconds.
"""

import os
import re
import shutil
import signal
import time
import unittest

from harness import paths
from harness.case import TestCase, UID_A, UID_B, needs_root, needs_signet
from harness.process import Process, run, wait_until

TD = "spiffe://example.org"
TTL = 10
EXAMPLES = paths.ROOT / "examples" / "workload-client"
WAYS = [("openssl", "cmake"), ("openssl", "make"), ("grpc", "cmake"), ("grpc", "make")]


@needs_root
@needs_signet
@unittest.skipIf("ASAN_OPTIONS" in os.environ, "a sanitizer build is not installed")
class Examples(TestCase):
    def must(self, *words, env=None):
        done = run(words, seconds=300 * paths.slow(), env=env)
        self.assertEqual(done.code, 0, done)
        return done

    def install(self):
        """Below one folder, then moved to another; nothing in the packages may name the first, nor the build's."""
        first, prefix = self.folder / "first", self.folder / "moved"
        self.must("cmake", "--install", paths.BUILD, "--prefix", first)
        first.rename(prefix)
        packages = [*(prefix / "lib" / "cmake").rglob("*.cmake"), *(prefix / "lib" / "pkgconfig").glob("*.pc")]
        self.assertGreater(len(packages), 8)
        for file in packages:
            for elsewhere in (first, paths.BUILD, paths.ROOT):
                self.assertNotIn(str(elsewhere), file.read_text(), file)
        shared = self.must("readelf", "-d", prefix / "lib" / "libsignet-proto.so").out
        self.assertNotRegex(shared, "RPATH|RUNPATH")
        return prefix

    def build(self, prefix, kind, way):
        """The folder with echo-server and echo-client."""
        source = self.folder / f"{kind}-{way}" / kind
        shutil.copytree(EXAMPLES / kind, source)
        shutil.copy(EXAMPLES / "common.h", source.parent)
        # Where there is a ccache, a second run finds what the first compiled, whatever its folder was called.
        env = {"CCACHE_BASEDIR": str(self.folder), "CCACHE_NOHASHDIR": "1"}
        cache = shutil.which("ccache") or ""
        if way == "make":
            self.must("make", "-C", source, "-j2", "CXXFLAGS=-O0", f"CXX={cache} c++",
                      env={**env, "PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")})
            return source
        self.must("cmake", "-S", source, "-B", source / "build", f"-DCMAKE_PREFIX_PATH={prefix}",
                  "-DCMAKE_CXX_FLAGS=-O0", f"-DCMAKE_CXX_COMPILER_LAUNCHER={cache}")
        self.must("cmake", "--build", source / "build", "-j2", env=env)
        return source / "build"

    def workload(self, name, agent, *argv, uid):
        process = Process(name, argv, self.folder / f"{name}.log", uid=uid,
                          env={"SPIFFE_ENDPOINT_SOCKET": f"unix://{agent.socket}"})
        self.nodes.append(process)
        return process

    def test_mutual_tls_through_rotations_and_a_refused_peer(self):
        prefix = self.install()
        folders = {way: self.build(prefix, *way) for way in WAYS}
        self.check_packages(prefix)

        server = self.server("signet", {"server": {"default_x509_svid_ttl": f"{TTL}s"}})
        agent = self.agent("signet", server, {"agent": {"experimental": {"sync_interval": "1s"}}})
        server.create_entry("/server", "/node", [f"unix:uid:{UID_A}"])
        server.create_entry("/client", "/node", [f"unix:uid:{UID_B}"])
        self.wait_ids(agent, [f"{TD}/server"], uid=UID_A)
        self.wait_ids(agent, [f"{TD}/client"], uid=UID_B)

        began = time.monotonic()
        pairs = []
        for way, folder in folders.items():
            name = "-".join(way)
            listener = self.workload(f"server-{name}", agent, folder / "echo-server", "0", f"{TD}/client", uid=UID_A)
            found = wait_until(f"{name} to listen", lambda p=listener: re.search(r"listening (\S+)\n", p.text()))
            client = self.workload(f"client-{name}", agent, folder / "echo-client", found[1], "example.org",
                                   "100000", "200", uid=UID_B)
            pairs.append((name, folder, found[1], listener, client))
        for name, _, _, _, client in pairs:
            # Longer than an SVID lives: what the first handshakes showed has expired on both sides.
            wait_until(f"two rotations of {name}", lambda c=client: len(self.serials(c)) >= 3, 60 * paths.slow(), 0.2)
        wait_until("the first SVIDs to expire", lambda: time.monotonic() > began + TTL + 2, 60, 0.2)
        for name, folder, address, listener, client in pairs:
            with self.subTest(name):
                count = len(client.text().splitlines())
                wait_until("one more handshake", lambda c=client, n=count: len(c.text().splitlines()) > n)
                client.popen.send_signal(signal.SIGTERM)
                client.wait_exit()
                self.assertNotIn("refused", client.text() + listener.text())
                self.assertEqual(set(re.findall(r"peer (\S+)", listener.text())), {f"{TD}/client"})
                self.assertEqual(set(re.findall(r"peer (\S+) own", client.text())), {f"{TD}/server"})
                self.refusals(agent, name, folder, address, listener)

    def serials(self, client):
        return set(re.findall(r"own_serial (\d+)\n", client.text()))

    def refusals(self, agent, name, folder, address, listener):
        # The client expects somebody else.
        picky = self.workload(f"picky-{name}", agent, folder / "echo-client", address, f"{TD}/other", uid=UID_B)
        self.assertEqual(picky.wait_exit(), 1)
        self.assertIn(f'unexpected peer ID "{TD}/server"', picky.text())
        # The server does, and goes on serving those it expects.
        stranger = self.workload(f"stranger-{name}", agent, folder / "echo-client", address, f"{TD}/server", uid=UID_A)
        self.assertEqual(stranger.wait_exit(), 1)
        self.assertIn("refused", stranger.text())
        self.assertNotIn(f"peer {TD}/server", listener.text())
        if name.startswith("openssl"):
            listener.wait_log(f'unexpected peer ID "{TD}/server"')
        friend = self.workload(f"friend-{name}", agent, folder / "echo-client", address, f"{TD}/server", uid=UID_B)
        self.assertEqual(friend.wait_exit(), 0, friend.text())

    def check_packages(self, prefix):
        """Version and components are looked at."""
        project = self.folder / "find"
        project.mkdir()
        for version, component, good in (("0.1", "grpc", True), ("0.1", "", True), ("9.0", "", False),
                                         ("0.1", "nonsense", False)):
            components = f"COMPONENTS {component}" if component else ""
            (project / "CMakeLists.txt").write_text(
                "cmake_minimum_required(VERSION 3.25)\nproject(find LANGUAGES CXX)\n"
                f"find_package(SignetWorkloadClient {version} REQUIRED {components})\n"
                f"if(TARGET signet::workload-client-grpc AND \"{component}\" STREQUAL \"\")\n"
                "  message(FATAL_ERROR \"gRPC is not asked for\")\nendif()\n")
            shutil.rmtree(project / "build", ignore_errors=True)
            done = run(["cmake", "-S", project, "-B", project / "build", f"-DCMAKE_PREFIX_PATH={prefix}"], seconds=120)
            self.assertEqual(done.code == 0, good, done)
        version = self.must("pkg-config", "--modversion", "signet-workload-client",
                            env={"PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")})
        self.assertRegex(version.out, r"^\d+\.\d+\.\d+\n$")


if __name__ == "__main__":
    unittest.main()
