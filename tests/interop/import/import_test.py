"""Taking over from SPIRE: a real server with a real agent and an open stream of go-spiffe is stopped,
imported, and a Signet server goes on at its place; then back to SPIRE with its old files.
"""

import json
import signal
import sqlite3
import time
import unittest

from harness import deploy, paths, postgres
from harness.case import UID_A, needs_root, needs_signet
from harness.process import wait_until
from harness.spire_import import ImportCase, import_spire, listed

TD = "spiffe://example.org"
MANY = 10_000
# Workloads rotate every 10 s; the agent's own SVID stays, so that both servers list the same serial.
SHORT = {"server": {"default_x509_svid_ttl": "20s", "agent_ttl": "1h"}}


def content(folder):
    return {file.name: paths.digest(file) for file in sorted(folder.iterdir()) if file.is_file()}


def fill(server):
    """An entry of every shape, a relationship with a bundle, a prepared authority, a join token."""
    federated = server.folder / "other.json"
    federated.write_text(server.must("bundle", "show", "-format", "spiffe").out)
    server.must("bundle", "set", "-id", "spiffe://other.org", "-path", federated, "-format", "spiffe")
    server.must("federation", "create", "-trustDomain", "other.org", "-bundleEndpointURL",
                "https://127.0.0.1:1/bundle", "-bundleEndpointProfile", "https_spiffe",
                "-endpointSpiffeID", "spiffe://other.org/spire/server")
    server.must("federation", "create", "-trustDomain", "web.org", "-bundleEndpointURL",
                "https://127.0.0.1:1/", "-bundleEndpointProfile", "https_web")
    server.create_entry("/full", "/elsewhere", ["unix:uid:7", "unix:gid:8", "k8s:ns:a:b"], "-entryID",
                        "chosen.id", "-admin", "-downstream", "-dns", "z.example.org", "-dns",
                        "a.example.org", "-hint", "a hint", "-federatesWith", "spiffe://other.org",
                        "-entryExpiry", str(int(time.time()) + 86400), "-x509SVIDTTL", "120",
                        "-jwtSVIDTTL", "60", "-jwtSVIDIncludeJTI", "-disableX509SVIDPrefetch")
    server.create_entry("/stored", "/elsewhere", ["store:name:x", "store:folder:y"], "-storeSVID")
    changed = server.create_entry("/changed", "/elsewhere", ["unix:uid:9"])
    server.must("entry", "update", "-entryID", changed, "-spiffeID", f"{TD}/changed", "-parentID",
                f"{TD}/elsewhere", "-selector", "unix:uid:10")
    server.must("localauthority", "x509", "prepare")
    return server.token()


@needs_root
@needs_signet
class Import(ImportCase):
    def test_a_stream_outlives_the_move_there_and_back(self):
        spire = self.server("spire", SHORT, name="spire")
        agent = self.agent("spire", spire, {"agent": {"experimental": {"sync_interval": "1s"}}})
        banned = self.agent("spire", spire, name="banned", path="/banned")
        banned.kill()
        spire.must("agent", "ban", "-spiffeID", TD + self.newest_agent(spire))
        spire.create_entry("/a", "/node", [f"unix:uid:{UID_A}"])
        token = fill(spire)
        self.wait_ids(agent, [f"{TD}/a"], uid=UID_A)
        watcher = self.watch("watch", "watch-x509", "-socket", agent.socket, "-timeout", "10m", uid=UID_A)

        def serials():
            return [s["serial"] for line in self.json_lines(watcher) for s in line.get("svids", [])]
        wait_until("the first SVID on the stream", serials)

        signet = self.signet_at(spire, SHORT)
        dry = import_spire(signet, spire, "-dryRun")
        self.assertEqual(dry.code, 0, dry)
        self.assertIn("Dry run: nothing was written", dry.out)
        self.assertIn("attested agents          2 (1 banned)", dry.out)
        self.assertEqual(list(signet.data.iterdir()), [], "a dry run leaves nothing behind")
        refused = import_spire(signet, spire)
        self.assertEqual(refused.code, 1, refused)
        self.assertIn(f"is in use by process {spire.process.pid}; stop the SPIRE server first", refused.err)

        before = listed(spire)
        spire.stop()
        self.add_entries(spire.data / "datastore.sqlite3")
        files = content(spire.data)
        # Killed in the middle and run again, it completes; no server runs in between.
        log = signet.data / "datastore.sqlite3-wal"

        def anew():
            for file in signet.data.iterdir():
                file.unlink()
        self.kill_import(signet, spire, lambda: log.exists() and log.stat().st_size > 500_000, anew)
        signet.start(wait=False)
        self.assertEqual(signet.process.wait_exit(), 1)
        self.assertIn("the datastore holds an unfinished import", signet.process.text())
        began = time.monotonic()
        done = import_spire(signet, spire)
        took = time.monotonic() - began
        self.assertEqual(done.code, 0, done)
        self.assertIn("An import was begun; it goes on", done.out)
        again = import_spire(signet, spire)
        self.assertEqual(again.code, 0, again)
        self.assertIn("The records were imported before", again.out)
        self.assertEqual(content(spire.data), files, "SPIRE's files are as they were")

        signet.start()
        seen = len(set(serials()))
        after = listed_few(signet, before)
        self.compare(before, after)
        count = json.loads(signet.must("entry", "count", "-output", "json", impl="spire").out)["count"]
        self.assertEqual(count, len(before["entries"]["entries"]) + MANY)
        many = [entry for entry in listed(signet)["entries"]["entries"] if entry["id"].startswith("many-")]
        self.assertEqual({(e["id"], e["spiffe_id"]["path"], e["parent_id"]["path"], e["selectors"][0]["value"],
                           len(e["selectors"])) for e in many},
                         {(f"many-{i}", f"/many/{i}", "/elsewhere", f"uid:{100_000 + i}", 1) for i in range(MANY)})
        # The agent attested with a token that is used up: attested again it could not have been.
        wait_until("two rotations under Signet", lambda: len(set(serials())) >= seen + 2, 60, 0.2)
        self.assertEqual([a["id"] for a in listed(signet)["agents"]["agents"]],
                         [a["id"] for a in before["agents"]["agents"]])
        joined = self.agent("spire", signet, name="joined", path="/joined", start=False)
        joined.start(token=token)

        joined.stop()
        signet.stop()
        spire.start()
        self.compare(before, listed_few(spire, before))
        seen = len(set(serials()))
        wait_until("a rotation back under SPIRE", lambda: len(set(serials())) > seen, 60, 0.2)
        errors = [line for line in self.json_lines(watcher) if "error" in line]
        self.assertEqual(errors, [], "the stream never failed")
        self.assertTrue(watcher.running())
        print(f"    {MANY} entries, the rest of them in {took:.1f} s; "
              f"{len(set(serials()))} certificates on one stream")

    def test_an_agent_renews_its_own_svid_under_signet(self):
        """It attested under SPIRE with a token that is used up; nothing but its SVID speaks for it."""
        short = {"server": {"default_x509_svid_ttl": "20s", "agent_ttl": "20s"}}
        spire = self.server("spire", short, name="spire")
        agent = self.agent("spire", spire, {"agent": {"experimental": {"sync_interval": "1s"}}})
        spire.create_entry("/a", "/node", [f"unix:uid:{UID_A}"])
        self.wait_ids(agent, [f"{TD}/a"], uid=UID_A)
        signet = self.signet_at(spire, short)
        spire.stop()
        done = import_spire(signet, spire)
        self.assertEqual(done.code, 0, done)
        signet.start()

        def serial():
            return listed(signet)["agents"]["agents"][0]["x509svid_serial_number"]
        seen = {serial()}
        for which in ("first", "second"):
            wait_until(f"the {which} renewal under Signet", lambda: serial() not in seen, 40, 0.3)
            seen.add(serial())
        self.wait_ids(agent, [f"{TD}/a"], uid=UID_A)
        self.assertTrue(agent.process.running())
        self.assertNotIn("AttestAgent", signet.process.text())

    def kill_import(self, signet, spire, in_the_middle, anew):
        """Kills an import that has begun. One that was over before goes for nothing: anew() takes away what it has made."""
        for n in range(5):
            process = self.spawn(f"import{n}", deploy.argv("signet", "server", "datastore", "import-spire", "-config",
                                                           signet.config, "-spireConfig", spire.config))
            wait_until("the import to be in the middle", lambda p=process: not p.running() or in_the_middle(), 300, 0.005)
            process.kill()
            if process.popen.returncode == -signal.SIGKILL:
                return
            self.assertEqual(process.popen.returncode, 0, process.text())
            anew()
        self.fail("every import was over before it could be killed")

    @staticmethod
    def newest_agent(server):
        return listed(server)["agents"]["agents"][-1]["id"]["path"]

    @staticmethod
    def add_entries(file):
        now = time.strftime("%Y-%m-%d %H:%M:%S+00:00", time.gmtime())
        db = sqlite3.connect(file)
        with db:
            first = db.execute("SELECT max(id) + 1 FROM registered_entries").fetchone()[0]
            db.executemany(
                "INSERT INTO registered_entries (id, created_at, updated_at, entry_id, spiffe_id, "
                "parent_id, ttl, admin, downstream, expiry, revision_number, store_svid, hint, "
                "jwt_svid_ttl) VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, 0, '', 0)",
                [(first + i, now, now, f"many-{i}", f"{TD}/many/{i}", f"{TD}/elsewhere")
                 for i in range(MANY)])
            db.executemany("INSERT INTO selectors (created_at, updated_at, registered_entry_id, type, value)"
                           " VALUES (?, ?, ?, 'unix', ?)",
                           [(now, now, first + i, f"uid:{100_000 + i}") for i in range(MANY)])
        db.close()

    @unittest.skipUnless(postgres.installed(), "PostgreSQL is not installed")
    def test_from_postgresql_to_postgresql(self):
        database = postgres.Postgres(self.folder / "pg").start()
        self.nodes.append(database)
        spire = self.server("spire", {"plugins": {"DataStore sql": database.data_store("spire")}},
                            name="spire")
        fill(spire)
        signet = self.signet_at(spire, {"plugins": {"DataStore sql": database.data_store("signet")}})
        dry = import_spire(signet, spire, "-dryRun")
        self.assertEqual(dry.code, 0, dry)
        self.assertEqual(database.sql("SELECT count(*) FROM pg_class WHERE relnamespace = "
                                      "'public'::regnamespace", "signet"), "0")
        refused = import_spire(signet, spire)
        self.assertEqual(refused.code, 1, refused)
        self.assertRegex(refused.err, r"is in use by \d+ other sessions; stop all SPIRE servers")
        before = listed(spire)
        spire.stop()
        rows = database.contents("spire")
        self.assertGreater(len(rows), 10)
        done = import_spire(signet, spire)
        self.assertEqual(done.code, 0, done)
        signet.start()
        self.compare(before, listed(signet))
        self.assertEqual(database.contents("spire"), rows)

    @unittest.skipUnless(postgres.installed(), "PostgreSQL is not installed")
    def test_fifty_thousand_entries(self):
        """Killed in the middle; the next run writes the rest, the one after it nothing."""
        database = postgres.Postgres(self.folder / "pg").start()
        self.nodes.append(database)
        spire = self.server("spire", {"plugins": {"DataStore sql": database.data_store("spire")}}, name="spire")
        spire.stop()
        seed_spire(database, entries := 50_000, agents := 5_000)
        signet = self.signet_at(spire, {"plugins": {"DataStore sql": database.data_store("signet")}})
        dry = import_spire(signet, spire, "-dryRun", seconds=300)
        self.assertIn(f"registration entries     {entries}", dry.out, dry)
        self.assertIn(f"attested agents          {agents}", dry.out)

        def rows(table="entry"):
            done = database.try_sql(f"SELECT count(*) FROM {table}", "signet")
            return int(done.out) if done.code == 0 else 0

        def sessions():
            return int(database.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'signet'"))

        def anew():
            wait_until("no session to be left", lambda: not sessions())
            database.sql("DROP DATABASE signet")
            database.new_database("signet")
        self.kill_import(signet, spire, lambda: rows() > entries // 5, anew)
        wait_until("its session to end", lambda: not sessions())
        there = rows()
        self.assertLess(there, entries)
        began = time.monotonic()
        done = import_spire(signet, spire, seconds=300)
        took = time.monotonic() - began
        self.assertEqual(done.code, 0, done)
        self.assertIn("An import was begun; it goes on", done.out)
        revision = "SELECT value FROM counter WHERE name = 'revision'"
        written = database.sql(revision, "signet")
        again = import_spire(signet, spire, seconds=300)
        self.assertEqual(again.code, 0, again)
        self.assertIn("nothing was written to the datastore", again.out)
        self.assertEqual(database.sql(revision, "signet"), written)
        self.assertEqual([rows(t) for t in ("entry", "entry_selector", "agent", "agent_selector")],
                         [entries, 2 * entries, agents, agents])

        signet.start()
        for kind, count in (("entry", entries), ("agent", agents)):
            told = json.loads(signet.must(kind, "count", "-output", "json", impl="spire").out)["count"]
            self.assertEqual(told, count)
        shown = json.loads(signet.must("entry", "show", "-entryID", f"many-{entries}", "-output", "json",
                                       impl="spire").out)["entries"][0]
        self.assertEqual(shown["spiffe_id"]["path"], f"/many/{entries}")
        self.assertEqual([s["value"] for s in shown["selectors"]], [f"gid:{entries}", f"uid:{entries}"])
        self.figures(entries=entries, agents=agents, there_when_killed=there, rest_seconds=round(took, 1))

    def test_what_does_not_fit_is_refused(self):
        spire = self.server("spire", name="spire")
        spire.stop()
        foreign = self.signet_at(spire, {"server": {"trust_domain": "foreign.org"}})
        refused = import_spire(foreign, spire)
        self.assertEqual(refused.code, 1)
        self.assertIn('SPIRE\'s trust domain is "example.org", this server\'s is "foreign.org"', refused.err)
        same_keys = self.server("signet", {"plugins": {"KeyManager disk": {"plugin_data": {
            "keys_path": str(spire.data / "keys.json")}}}}, name="same-keys", start=False)
        same_keys.port = spire.port
        refused = import_spire(same_keys, spire)
        self.assertEqual(refused.code, 1)
        self.assertIn("is this key manager's own file", refused.err)
        used = self.server("signet", name="used")
        used.stop()
        refused = import_spire(used, spire)
        self.assertEqual(refused.code, 1)
        self.assertIn("the datastore holds records already", refused.err)


def seed_spire(database, entries, agents):
    """Rows as SPIRE writes them, into the tables that it has made."""
    for text in (
            "INSERT INTO registered_entries (created_at, updated_at, entry_id, spiffe_id, parent_id, ttl, "
            "admin, downstream, expiry, revision_number, store_svid, hint, jwt_svid_ttl) SELECT now(), now(), "
            f"'many-' || n, '{TD}/many/' || n, '{TD}/elsewhere', 0, false, false, 0, 0, false, '', 0 "
            f"FROM generate_series(1, {entries}) n ORDER BY n",
            "INSERT INTO selectors (created_at, updated_at, registered_entry_id, type, value) SELECT now(), "
            "now(), id, 'unix', kind || substr(entry_id, 6) FROM registered_entries, "
            "unnest(ARRAY['uid:', 'gid:']) kind ORDER BY id",
            "INSERT INTO attested_node_entries (created_at, updated_at, spiffe_id, data_type, serial_number, "
            "expires_at, new_serial_number, new_expires_at, can_reattest, agent_version) SELECT now(), now(), "
            f"'{TD}/spire/agent/x509pop/' || n, 'x509pop', n, now() + interval '1 day', '', NULL, true, "
            f"'1.15.3' FROM generate_series(1, {agents}) n ORDER BY n",
            "INSERT INTO node_resolver_map_entries (created_at, updated_at, spiffe_id, type, value) SELECT "
            "now(), now(), spiffe_id, 'x509pop', 'subject:cn:' || id FROM attested_node_entries"):
        database.sql(text, "spire")


def listed_few(server, before):
    """What is listed of a server, of the entries only those that were there before."""
    after = listed(server)
    known = {entry["id"] for entry in before["entries"]["entries"]}
    after["entries"]["entries"] = [e for e in after["entries"]["entries"] if e["id"] in known]
    return after


if __name__ == "__main__":
    unittest.main()
