#!/usr/bin/env python3
"""Measures Signet and SPIRE in one sitting with svidload, and prints a table for docs/performance.md.

    tests/load/compare.py [--impl signet,spire] [--database sqlite|postgres] [--seconds 10] [--streams 1000]
                          [--many 50000] [--fill-seconds 90] [--json FILE]

With `--database postgres` both are measured on one PostgreSQL that the command starts, with fsync, each in a
database of its own; its CPU time is told beside.

`per CPU second` is what compares: operations by the CPU time of the measured process, from its CPU clock.
The servers' rate limits are off. `openssl speed ecdsap256` in the same sitting gives the most that
the X.509 path could do: one verification and one signature each.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import deploy, paths  # noqa: E402
from harness.postgres import Postgres  # noqa: E402
from harness.process import wait_until  # noqa: E402


CREATED = 3_000  # entries, in each of five measurements of that: a single one is a sixth off now and then


def svidload(*words):
    done = subprocess.run([paths.peer("svidload"), *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    for case in found:
        print(f"  {case['case']}: {case.get('per_cpu_second', 0):.0f} per CPU second", file=sys.stderr, flush=True)
    return found


def ideal():
    """1/(1/verify + 1/sign) a CPU second, as OpenSSL's own loop does them with every processor busy,
    as they are while the server is measured."""
    runs = [subprocess.Popen(["taskset", "-c", str(cpu), "openssl", "speed", "-seconds", "2", "ecdsap256"],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            for cpu in sorted(os.sched_getaffinity(0))]
    found = [re.search(r"256 bits ecdsa.*?([\d.]+)\s+([\d.]+)\s*$", run.communicate()[0], re.M).groups()
             for run in runs]
    sign, verify = (statistics.mean(float(pair[i]) for pair in found) for i in (0, 1))
    return {"sign": sign, "verify": verify, "ideal": 1 / (1 / sign + 1 / verify)}


class Place:
    """Where a server of an implementation lives: its folder, and its database unless that is SQLite."""

    def __init__(self, impl, folder, postgres):
        self.impl, self.folder, self.postgres = impl, folder, postgres
        folder.mkdir()

    def server(self, over=None):
        over = dict(over or {})
        if self.postgres:
            over["plugins"] = {"DataStore sql": self.postgres.data_store(self.folder.name)}
        return deploy.Server(self.impl, self.folder / "server", over).start()

    def database(self):
        return ["-database-pid", self.postgres.process.popen.pid] if self.postgres else []


def idle(place, seconds):
    """Resident KiB, so long after the start, with 10 entries and one agent."""
    impl, folder = place.impl, place.folder
    server = place.server()
    agent = deploy.Agent(impl, folder / "agent", server).start()
    try:
        for n in range(10):
            server.create_entry(f"/idle/{n}", "/node", ["unix:uid:4000000"])
        time.sleep(seconds)
        return {"server_kib": server.process.rss_kib(), "agent_kib": agent.process.rss_kib()}
    finally:
        agent.kill()
        server.kill()


def server_cases(place, seconds, many, fill_seconds):
    server = place.server({"server": {"log_level": "WARN"}})
    try:
        common = ["server", "-socket", server.socket, "-addr", f"127.0.0.1:{server.port}", "-pid",
                  server.process.pid, "-dur", f"{seconds}s", *place.database()]
        first, *out = svidload(*common, "-entries", 1000, "-cases", "create,sync,x509,jwt,list")

        def create(name, in_store):
            runs = [svidload(*common, "-entries", CREATED, "-create-limit", f"{fill_seconds}s", "-cases", "create")[0]
                    for _ in range(5)]
            median = sorted(runs, key=lambda case: case["per_cpu_second"])[2]
            out.append({**median, "case": name, "in_store": in_store})
            return in_store + sum(case["ops"] for case in runs)
        there = create("entry_create", first["ops"])
        if many:
            # Who is slow is measured at what there is when the time is over.
            filled, = svidload(*common, "-entries", many, "-create-limit", f"{fill_seconds}s", "-cases", "create")
            create("entry_create, many in store", there + filled["ops"])
        return out
    finally:
        server.kill()


def agent_cases(place, seconds, streams):
    server = place.server({"server": {"log_level": "WARN"}})
    agent = deploy.Agent(place.impl, place.folder / "agent", server, {"agent": {"log_level": "WARN"}}).start()
    try:
        server.create_entry("/me", "/node", [f"unix:uid:{os.getuid()}"])
        wait_until("the identity", lambda: agent.cli("api", "fetch").code == 0, 30, 0.2)
        common = ["agent", "-socket", agent.socket, "-pid", agent.process.pid, "-dur", f"{seconds}s"]
        return svidload(*common, "-cases", "fetch,jwt") + \
            svidload(*common, "-cases", "streams", "-streams", streams)
    finally:
        agent.kill()
        server.kill()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--impl", default="spire,signet")
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--many", type=int, default=50000,
                        help="entries in store for the second entry_create; 0: left out")
    parser.add_argument("--fill-seconds", type=int, default=90, help="the longest that creating those may take")
    parser.add_argument("--idle-seconds", type=int, default=30)
    parser.add_argument("--json")
    args = parser.parse_args()
    cpu = next(x.split(":")[1].strip() for x in open("/proc/cpuinfo") if x.startswith("model name"))
    result = {"date": time.strftime("%Y-%m-%d"), "machine": f"{cpu}, Linux {platform.release()}",
              "openssl": ideal()}
    with tempfile.TemporaryDirectory(prefix="sgt-") as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)
        postgres = Postgres(folder / "postgres", durable=True).start() if args.database == "postgres" else None
        try:
            for impl in args.impl.split(","):
                place = [Place(impl, folder / f"{impl}_{word}", postgres) for word in "sai"]
                result[impl] = {
                    "cases": server_cases(place[0], args.seconds, args.many, args.fill_seconds)
                    + agent_cases(place[1], args.seconds, args.streams),
                    "idle": idle(place[2], args.idle_seconds)}
        finally:
            if postgres:
                postgres.kill()
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(result, indent=1) + "\n")
    impls = args.impl.split(",")
    print(f"{result['date']}, {result['machine']}, {args.database}")
    o = result["openssl"]
    print(f"openssl speed ecdsap256: {o['sign']:.0f} signs/s, {o['verify']:.0f} verifies/s, "
          f"ideal {o['ideal']:.0f}/s\n")
    print("| case | " + " | ".join(f"{i}: per CPU second (p50, p99 ms)" for i in impls) + " |")
    print("|---|" + "---|" * len(impls))
    names = [c["case"] for c in result[impls[0]]["cases"]]
    for name in names:
        row = []
        for i in impls:
            r = next((c for c in result[i]["cases"] if c["case"] == name), None)
            if r is None:
                row.append("-")
            elif name == "workload_streams":
                row.append(r.get("note", ""))
            else:
                row.append(f"{r.get('per_cpu_second', 0):.0f} ({r.get('p50_ms', 0):.1f}, {r.get('p99_ms', 0):.1f})"
                           + (f", PostgreSQL {1e6 * r['database_cpu_seconds'] / r['ops']:.0f} µs each"
                              if r.get("database_cpu_seconds") and r["ops"] else "")
                           + (f", {r['in_store']:,} in store" if "in_store" in r else "")
                           + (f", {r['errors']} errors: {r.get('first_error')}" if r.get("errors") else ""))
        print(f"| {name} | " + " | ".join(row) + " |")
    print("| idle, resident | " + " | ".join(
        f"server {result[i]['idle']['server_kib'] / 1024:.0f} MiB, agent {result[i]['idle']['agent_kib'] / 1024:.0f} MiB"
        for i in impls) + " |")


if __name__ == "__main__":
    main()
