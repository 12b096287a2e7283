"""A PostgreSQL of the test's own: a folder, a Unix socket in it, no TCP. It ends with the test."""

import os
import pathlib
import pwd

from .process import Process, run, wait_until


def programs():
    """The folder of the newest PostgreSQL's programs, or None."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def installed():
    return programs() is not None


def _owner():
    # It refuses to run as root: then it gets a user without rights.
    if os.geteuid() != 0:
        return None, None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
        except KeyError:
            continue
    raise AssertionError("no user to run PostgreSQL as")


class Postgres:
    """start() and kill() may be called again and again. durable: commits outlive a power cut."""

    def __init__(self, folder, durable=False, settings=()):
        self.folder = pathlib.Path(folder)
        self.durable = durable
        self.settings = list(settings)
        self.uid, self.gid = _owner()
        self.folder.mkdir(mode=0o755)
        if self.uid is not None:
            os.chown(self.folder, self.uid, self.gid)
        self.log = self.folder / "postgres.log"
        self.process = None
        made = run([programs() / "initdb", "-D", self.folder / "data", "-U", "signet",
                    "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"],
                   uid=self.uid, seconds=120, cwd=self.folder)
        assert made.code == 0, f"initdb: {made}"

    def start(self):
        words = [programs() / "postgres", "-D", self.folder / "data", "-k", self.folder,
                 "-c", "listen_addresses="]
        if not self.durable:
            words += ["-c", "fsync=off", "-c", "full_page_writes=off"]
        for setting in self.settings:
            words += ["-c", setting]

        def answers():
            # A session of the one that was killed may be there still, and then this one ends at once.
            if self.process is None or (not self.process.running() and "pre-existing shared memory" in self.process.text()):
                self.process = Process("postgres", words, self.log, uid=self.uid, gid=self.gid, cwd=self.folder)
            assert self.process.running(), self.process.text()[-2000:]
            return self.try_sql("SELECT 1").code == 0
        wait_until("PostgreSQL to answer", answers, 60)
        return self

    def where(self, database, user="signet"):
        return f"host={self.folder} user={user} dbname={database}"

    def _psql(self, database):
        return [programs() / "psql", "-XAtq", "-h", self.folder, "-U", "signet", "-d", database,
                "-v", "ON_ERROR_STOP=1"]

    def try_sql(self, text, database="postgres"):
        return run([*self._psql(database), "-c", text], cwd="/")

    def sql(self, text, database="postgres"):
        done = self.try_sql(text, database)
        assert done.code == 0, f"{text}: {done}"
        return done.out.strip()

    def held(self, table, seconds, database="signet"):
        """The words of a program that says "held" and lets nobody write the table for so long, or until let_go()."""
        return self._psql(database) + ["-c", "BEGIN", "-c", f"LOCK TABLE {table} IN EXCLUSIVE MODE",
                                       "-c", "SELECT 'held'", "-c", f"SELECT pg_sleep({seconds})"]

    def let_go(self):
        self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'")

    def new_database(self, name):
        self.sql(f"CREATE DATABASE {name}")
        return self.where(name)

    def data_store(self, database="signet", user="signet", **settings):
        """The block `DataStore sql` of a server on this database, which is made if need be."""
        if not self.sql(f"SELECT 1 FROM pg_database WHERE datname = '{database}'"):
            self.new_database(database)
        return {"plugin_data": {"database_type": "postgres",
                                "connection_string": self.where(database, user), **settings}}

    def contents(self, database):
        """A digest of each table's rows, by name."""
        names = self.sql("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
                         "AND relkind = 'r'", database).split()
        return {name: self.sql(f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {name} t", database)
                for name in sorted(names)}

    def kill(self):
        """SIGKILL; its sessions end by themselves when they miss it."""
        if self.process:
            self.process.kill()
            self.process = None

    def cpu_seconds(self):
        """Of the server and its sessions, ended ones included."""
        ticks = 0
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(stat.parent.name) == self.process.pid:
                ticks += sum(int(f) for f in fields[11:15])  # with children that were waited for
            elif int(fields[1]) == self.process.pid:
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")
