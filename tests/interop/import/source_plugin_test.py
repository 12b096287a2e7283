"""The DataStore plugin `sql` as the reader of real SPIRE databases, by the conformance suite."""

import json
import unittest

from harness import paths, postgres
from harness.case import needs_signet
from harness.process import run
from harness.spire_import import ImportCase

FULL = ("-dns", "a.example.org", "-dns", "b.example.org", "-hint", "h", "-federatesWith",
        "spiffe://other.org", "-admin")


@needs_signet
class SourcePlugin(ImportCase):
    def conformance(self, over, settings):
        spire = self.server("spire", over, name="spire")
        self.agent("spire", spire).kill()
        federated = spire.folder / "other.json"
        federated.write_text(spire.must("bundle", "show", "-format", "spiffe").out)
        spire.must("bundle", "set", "-id", "spiffe://other.org", "-path", federated, "-format", "spiffe")
        spire.must("federation", "create", "-trustDomain", "web.org", "-bundleEndpointURL",
                   "https://127.0.0.1:1/", "-bundleEndpointProfile", "https_web")
        for n in range(5):
            spire.create_entry(f"/w{n}", "/node", ["unix:uid:7", "unix:gid:8"], *FULL)
        spire.token()
        self.assertEqual(spire.stop(), 0)
        own = {"database_type": "sqlite3", "connection_string": str(self.folder / "own.sqlite3")}
        result = run([paths.BUILD / "test" / "spiresource-conformance",
                      "--plugin", paths.PLUGINS / "datastore-sql.so", "--config", json.dumps(own),
                      "--spire-data-store", json.dumps(settings(spire))], seconds=60)
        self.assertEqual(result.code, 0, result)
        self.assertNotIn("SKIPPED", result.out, result)

    def test_keeps_its_contract_on_sqlite(self):
        self.conformance({}, lambda spire: {"database_type": "sqlite3", "connection_string":
                                            str(spire.data / "datastore.sqlite3")})

    @unittest.skipUnless(postgres.installed(), "PostgreSQL is not installed")
    def test_keeps_its_contract_on_postgresql(self):
        database = postgres.Postgres(self.folder / "postgres").start()
        self.nodes.append(database)
        store = database.data_store("spire")
        self.conformance({"plugins": {"DataStore sql": store}}, lambda spire: store["plugin_data"])


if __name__ == "__main__":
    unittest.main()
