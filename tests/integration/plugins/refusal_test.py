"""A plugin that should not be loaded is refused by name with the reason, and nothing starts half."""

import os
import shutil
import subprocess
import unittest

from harness import deploy, paths
from harness.case import TestCase, needs_signet
from harness.process import Process

PLUGIN = "keymanager-disk.so"
TD = "spiffe://example.org"


def copy_of_the_tree(to):
    """What is installed, so that one of its plugins can be spoilt or exchanged."""
    plugins = to / "lib" / "signet" / "plugins"
    plugins.mkdir(parents=True)
    (to / "bin").mkdir()
    shutil.copy(paths.SIGNET, to / "bin" / "signet")
    for library in paths.SIGNET.parent.parent.joinpath("lib").glob("libsignet-*"):
        shutil.copy(library, to / "lib", follow_symlinks=False)
    for plugin in paths.PLUGINS.glob("*.so"):
        shutil.copy(plugin, plugins)
    return to


@needs_signet
class Refusal(TestCase):
    def setUp(self):
        self.tree = copy_of_the_tree(self.folder / "tree")
        self.plugin = self.tree / "lib" / "signet" / "plugins" / PLUGIN

    def start(self, over=None):
        server = deploy.Server("signet", self.folder / "server", over)
        server.port = deploy.free_port()
        server.config.write_text(deploy.hcl(server.settings()))
        process = Process("server", [self.tree / "bin" / "signet", "server", "run", "-config", server.config],
                          server.log, cwd=server.folder)
        server.process = process
        self.nodes.append(process)
        return server, process

    def refused(self, *words, over=None):
        server, process = self.start(over)
        code = process.wait_exit(20)
        self.assertNotEqual(code, 0)
        text = process.text()
        self.assertIn(PLUGIN.removesuffix(".so"), text, "the plugin is named")
        for word in words:
            self.assertIn(word, text)
        self.assertGreaterEqual(code, 0, "an orderly end, not a signal")
        self.assertFalse(server.socket.exists(), "no socket was left or opened")
        self.assertFalse((server.data / "keys.json").exists(), "nothing was written")

    def patch(self, old, new):
        data = self.plugin.read_bytes()
        self.assertIn(old, data)
        self.plugin.write_bytes(data.replace(old, new))

    def test_the_copied_tree_works(self):
        server, process = self.start()
        server.wait_healthy()
        self.assertEqual(process.terminate(), 0)

    def test_missing(self):
        self.plugin.unlink()
        self.refused(f"no {PLUGIN} in {self.plugin.parent}")

    def test_of_another_architecture(self):
        data = bytearray(self.plugin.read_bytes())
        data[18:20] = (183).to_bytes(2, "little")  # e_machine: AArch64
        self.plugin.write_bytes(data)
        self.refused("architecture")

    def test_not_an_elf_file(self):
        self.plugin.write_text("#!/bin/sh\n")
        self.refused("ELF")

    def test_truncated(self):
        self.plugin.write_bytes(self.plugin.read_bytes()[:4096])
        self.refused("ELF")

    def test_of_another_abi_major(self):
        self.patch(b"abi=1.", b"abi=9.")
        self.refused("ABI major")

    def test_without_the_entry(self):
        source = self.folder / "empty.c"
        source.write_text("int unrelated = 1;\n")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", self.plugin, source], check=True)
        self.refused("signet_plugin_entry")

    def test_world_writable(self):
        self.plugin.chmod(0o777)
        self.refused("writ")

    def test_in_a_world_writable_folder(self):
        self.plugin.parent.chmod(0o777)
        self.refused_folder()

    def refused_folder(self):
        _, process = self.start()
        self.assertNotEqual(process.wait_exit(20), 0)
        self.assertIn("writ", process.text())

    @unittest.skipUnless(os.geteuid() == 0, "needs root to give a file away")
    def test_owned_by_somebody_else(self):
        os.chown(self.plugin, 1, 1)
        self.refused("own")

    def test_behind_a_symbolic_link(self):
        real = self.plugin.with_suffix(".real")
        self.plugin.rename(real)
        self.plugin.symlink_to(real)
        self.refused("symbolic link")

    def test_of_which_the_pin_fails(self):
        over = {"plugins": {"KeyManager disk": {"plugin_checksum": "00" * 32}}}
        self.refused("plugin_checksum", over=over)

    def test_a_pin_that_holds_is_accepted(self):
        digest = subprocess.check_output(["sha256sum", self.plugin], text=True).split()[0]
        server, process = self.start({"plugins": {"KeyManager disk": {"plugin_checksum": digest}}})
        server.wait_healthy()

    def test_an_unknown_plugin_is_named_with_the_nearest(self):
        over = {"plugins": {"KeyManager disk": None,
                            "KeyManager dsik": {"plugin_data": {"keys_path": "keys.json"}}}}
        _, process = self.start(over)
        self.assertNotEqual(process.wait_exit(20), 0)
        self.assertIn("did you mean keymanager-disk.so", process.text())


@needs_signet
class Exchange(TestCase):
    """Another plugin in a plugin's place: nothing else is compiled anew."""

    def test_a_key_manager_under_another_ones_name(self):
        tree = copy_of_the_tree(self.folder / "tree")
        plugins = tree / "lib" / "signet" / "plugins"
        shutil.copy(plugins / "keymanager-disk.so", plugins / "keymanager-memory.so")
        self.assertEqual(paths.digest(tree / "bin" / "signet"), paths.digest(paths.SIGNET))
        self.assertEqual(paths.digest(plugins / "role-server.so"), paths.digest(paths.PLUGINS / "role-server.so"))
        over = {"plugins": {"KeyManager disk": None,
                            "KeyManager memory": {"plugin_data": {"keys_path": str(self.folder / "keys.json")}}}}
        server = deploy.Server("signet", self.folder / "server", over)
        server.port = deploy.free_port()
        server.config.write_text(deploy.hcl(server.settings()))
        process = Process("server", [tree / "bin" / "signet", "server", "run", "-config", server.config],
                          server.log, cwd=server.folder)
        self.nodes.append(process)
        server.process = process
        server.wait_healthy()
        self.assertTrue((self.folder / "keys.json").exists(), "it is the other one's code that ran")
        agent = self.agent("signet", server)
        server.create_entry("/paid", "/node", [f"unix:uid:{os.geteuid()}"])
        self.wait_ids(agent, [f"{TD}/paid"])


if __name__ == "__main__":
    unittest.main()
