"""`signet server datastore ...` and `leave`, given what people give them by mistake: one line that says what and where."""

import unittest

from harness.case import TestCase, needs_signet
from harness.deploy import argv, hcl
from harness.process import run


@needs_signet
class Commands(TestCase):
    def server_in(self, where, over=None):
        server = self.server("signet", {"server": over or {}, "plugins": {"DataStore sql": {"plugin_data": {
            "database_type": "sqlite3", "connection_string": str(where)}}}}, start=False)
        server.port = 0
        server.config.write_text(hcl(server.settings()))
        return server

    def refused(self, *words):
        done = run(argv("signet", "server", *words), cwd=self.folder)
        self.assertEqual((done.code, done.out), (1, ""), done)
        self.assertEqual(len(done.err.splitlines()), 1, done.err)
        return done.err.strip()

    def test_a_word_too_many_is_no_other_configuration(self):
        server = self.server_in(self.folder / "own.sqlite3")
        for words in (["check"], ["migrate"], ["import-spire", "-spireConfig", server.config]):
            self.assertEqual(
                self.refused("datastore", *words, "-config", server.config, "other.conf"),
                'unexpected argument "other.conf": the configuration file is named by the -config flag')
        self.assertFalse((self.folder / "own.sqlite3").exists())

    def test_what_cannot_be_a_datastore_is_told_by_its_path(self):
        junk = self.folder / "junk"
        junk.write_text("x" * 5000)
        for path, *whys in ((self.folder, "is not a regular file", "Is a directory"),
                            (junk, "file is not a database", "file is not a database")):
            server = self.server_in(path)
            for word, why in zip(("check", "migrate"), whys):
                err = self.refused("datastore", word, "-config", server.config)
                self.assertIn(f'datastore file "{path}"', err)
                self.assertIn(why, err)
        self.assertEqual(junk.read_text(), "x" * 5000)

    def test_looking_makes_nothing(self):
        data = self.folder / "none"
        server = self.server_in(self.folder / "own.sqlite3", {"data_dir": str(data)})
        done = run(argv("signet", "server", "datastore", "check", "-config", server.config), cwd=self.folder)
        self.assertEqual(done.code, 0, done)
        self.assertIn("no tables yet", done.out)
        self.assertFalse(data.exists())
        self.assertFalse((self.folder / "own.sqlite3").exists())

    def test_an_import_of_nothing_says_why_once(self):
        server = self.server_in(self.folder / "own.sqlite3")
        other = self.folder / "spire.conf"
        command = ("datastore", "import-spire", "-config", server.config, "-spireConfig", other, "-dryRun")
        self.assertIn(f"cannot read {other}: No such file or directory", self.refused(*command))
        other.write_text("server {\n  trust_domain = \n}")
        self.assertIn(f"{other}:3:1: expected a value", self.refused(*command))
        other.write_text(hcl({"server": {"trust_domain": "example.org"}, "plugins": {
            "DataStore sql": {"plugin_data": {"database_type": "sqlite3", "connection_string": "none.sqlite3"}},
            "KeyManager memory": {"plugin_data": {}}}}))
        self.assertIn('SPIRE\'s datastore file "none.sqlite3" does not exist', self.refused(*command))

    def test_a_server_that_has_left_says_so(self):
        server = self.server("signet")
        server.must("leave")
        for words in (["localauthority", "x509", "show"], ["localauthority", "jwt", "prepare"]):
            self.assertIn("this server has left the trust domain", server.cli(*words).err)


if __name__ == "__main__":
    unittest.main()
