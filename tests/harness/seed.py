"""Fills Signet's own tables in PostgreSQL by COPY, for what would take hours through the API.

The rows are what the datastore plugin writes: bodies in canonical protobuf, packed selector sets, the
hash of the similar-entry check. A test that seeds asks the server for some of it afterwards, and so
sees when the two part.
"""

import struct
import subprocess

from .postgres import programs

TRUST_DOMAIN = "example.org"
CREATED_AT = 1_700_000_000
EXPIRES_AT = 4_000_000_000


def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7f | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, value):
    """One field of a message: bytes as they are, a number as a varint."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def spiffe_id(path):
    return field(1, TRUST_DOMAIN.encode()) + field(2, path.encode())


def selectors(number, pairs):
    return b"".join(field(number, field(1, kind.encode()) + field(2, value.encode())) for kind, value in pairs)


def keys_of(pairs):
    """A set key's values in the order in which they are packed."""
    return sorted(f"{kind}:{value}".encode() for kind, value in pairs)


def packed(keys):
    return b"".join(struct.pack("<I", len(key)) + key for key in keys)


def fnv1a(text, value=0xcbf29ce484222325):
    for byte in text:
        value = (value ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return value


def signed(value):
    return value - (1 << 64) if value >= 1 << 63 else value


def bytea(value):
    return "\\\\x" + value.hex()


class Agents:
    """Agents of one cluster, as k8s_psat attests them."""

    def __init__(self, count):
        self.count = count

    @staticmethod
    def path(n):
        return f"/spire/agent/k8s_psat/production/{n:08x}-2222-4000-8000-000000000000"

    @staticmethod
    def selectors(n):
        return [("k8s_psat", f"agent_node_name:node-{n}"), ("k8s_psat", "agent_ns:spire"),
                ("k8s_psat", "agent_sa:spire-agent"), ("k8s_psat", "cluster:production")]

    def rows(self, revision):
        for n in range(self.count):
            pairs = self.selectors(n)
            body = (field(1, spiffe_id(self.path(n))) + field(2, b"k8s_psat") + field(3, str(2**120 + n).encode())
                    + field(4, EXPIRES_AT) + field(7, 1) + field(8, b"1.15.3") + selectors(9, pairs))
            yield (n + 1, bytea(f"spiffe://{TRUST_DOMAIN}{self.path(n)}".encode()), revision, EXPIRES_AT,
                   bytea(b"k8s_psat"), 0, 1, len(pairs), bytea(packed(keys_of(pairs))), bytea(body))

    def selector_rows(self):
        for n in range(self.count):
            for key in keys_of(self.selectors(n)):
                yield bytea(key), n + 1


class Entries:
    """Workloads of that cluster, the agents' in turn."""

    def __init__(self, count, agents):
        self.count = count
        self.agents = agents

    @staticmethod
    def id(n):
        return f"{n:08x}-1111-4000-8000-000000000000"

    @staticmethod
    def path(n):
        return f"/ns/payments/sa/worker-{n}"

    def parent(self, n):
        return Agents.path(n % self.agents)

    def selectors(self, n):
        return [("k8s", "ns:payments"), ("k8s", f"sa:worker-{n // self.agents}")]

    def rows(self, revision):
        parents = {}
        for n in range(self.count):
            pairs = self.selectors(n)
            path = self.parent(n)
            parent = f"spiffe://{TRUST_DOMAIN}{path}".encode()
            if path not in parents:
                parents[path] = fnv1a(parent + b"\0")
            keys = packed(keys_of(pairs))
            entry = (field(1, self.id(n).encode()) + field(2, spiffe_id(self.path(n))) + field(3, spiffe_id(path))
                     + selectors(4, pairs) + field(5, 3600) + field(15, CREATED_AT))
            yield (n + 1, bytea(self.id(n).encode()), revision, 0,
                   bytea(f"spiffe://{TRUST_DOMAIN}{self.path(n)}".encode()), bytea(parent), bytea(b""), 0, 0,
                   len(pairs), bytea(keys), 0, bytea(b""), signed(fnv1a(keys, parents[path])), bytea(field(1, entry)))

    def selector_rows(self):
        for n in range(self.count):
            for key in keys_of(self.selectors(n)):
                yield bytea(key), n + 1


def copy(postgres, database, table, rows):
    psql = subprocess.Popen([programs() / "psql", "-XAtq", "-h", postgres.folder, "-U", "signet", "-d", database,
                             "-v", "ON_ERROR_STOP=1", "-c", f"COPY {table} FROM STDIN"], cwd="/",
                            stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for row in rows:
        psql.stdin.write("\t".join(map(str, row)) + "\n")
    _, errors = psql.communicate()
    assert psql.returncode == 0, errors


def fill(postgres, database, entries, agents):
    """Into the tables that a server has made and filled with nothing of this kind yet."""
    revision = int(postgres.sql("SELECT value FROM counter WHERE name = 'revision'", database)) + 1
    copy(postgres, database, "agent", agents.rows(revision))
    copy(postgres, database, "agent_selector", agents.selector_rows())
    copy(postgres, database, "entry", entries.rows(revision))
    copy(postgres, database, "entry_selector", entries.selector_rows())
    for name, value in {"row.agent": agents.count, "row.entry": entries.count, "revision": revision}.items():
        postgres.sql(f"INSERT INTO counter (name, value) VALUES ('{name}', {value}) "
                     "ON CONFLICT (name) DO UPDATE SET value = excluded.value", database)
