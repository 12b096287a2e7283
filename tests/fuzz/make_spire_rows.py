#!/usr/bin/env python3
"""Makes the corpus of the target spire_rows from a real SPIRE server's SQLite database: a file a table, with
the tables of its parts, and one with everything.

    tests/fuzz/make_spire_rows.py datastore.sqlite3 tests/fuzz/corpus/spire_rows
"""

import pathlib
import sqlite3
import struct
import sys

# The cells of each table in the order of signet/abi/spire_source.h; {} is the row it belongs to.
QUERIES = {
    1: "SELECT id, trust_domain, data FROM bundles",
    2: "SELECT id, trust_domain, bundle_endpoint_url, bundle_endpoint_profile, endpoint_spiffe_id "
       "FROM federated_trust_domains",
    3: "SELECT id, entry_id, spiffe_id, parent_id, ttl, jwt_svid_ttl, admin, downstream, expiry, revision_number, "
       "store_svid, hint, additional_attributes, CAST(strftime('%s', created_at) AS INTEGER) FROM registered_entries",
    4: "SELECT 0, type, value FROM selectors WHERE registered_entry_id = {}",
    5: "SELECT 0, value FROM dns_names WHERE registered_entry_id = {}",
    6: "SELECT 0, b.trust_domain FROM federated_registration_entries f JOIN bundles b ON b.id = f.bundle_id "
       "WHERE f.registered_entry_id = {}",
    7: "SELECT id, spiffe_id, data_type, serial_number, CAST(strftime('%s', expires_at) AS INTEGER), "
       "new_serial_number, CAST(strftime('%s', new_expires_at) AS INTEGER), can_reattest, agent_version "
       "FROM attested_node_entries",
    8: "SELECT 0, type, value FROM node_resolver_map_entries WHERE spiffe_id = "
       "(SELECT spiffe_id FROM attested_node_entries WHERE id = {})",
    9: "SELECT id, token, expiry FROM join_tokens",
    10: "SELECT id, data FROM ca_journals",
}
PARTS = {3: (4, 5, 6), 7: (8,)}
NAMES = {1: "bundles", 2: "federation", 3: "entries", 7: "agents", 9: "join_tokens", 10: "journals"}


def cell(value):
    if isinstance(value, int):
        value = struct.pack("<q", value)
    elif isinstance(value, str):
        value = value.encode()
    return struct.pack("<H", len(value or b"")) + (value or b"")


def rows(db, table, of=None):
    for row, *cells in db.execute(QUERIES[table].format(of)).fetchall():
        yield bytes([table - 1, len(cells)]) + b"".join(map(cell, cells))
        for part in PARTS.get(table, ()):
            yield from rows(db, part, row)


def main():
    db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
    folder = pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: b"".join(rows(db, table)) for table, name in NAMES.items()}
    for name, content in {**files, "all": b"".join(files.values())}.items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
