#!/usr/bin/env python3
"""The cases that CI runs small and a person runs at full size, and their records.

    records.py run [CASE...] [--summary FILE]   runs them at full size, writes docs/results/CASE.json
    records.py check                            1 when a case has no passing record of its script

A record names the commit, date, machine, seed, command, figures and verdict, and the hash of the
case's script: when the script changes, the record is of another test and no longer counts. Runs of
a case are resumable: a case whose record passes and is of its present script is not run again
(--again does).
"""

import argparse
import datetime
import hashlib
import json
import os
import pathlib
import platform
import random
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "results"

# case: the script whose content is the case, and the command that runs it. CI asks for a record of
# those in REQUIRED; the others are for when their room changes.
REQUIRED = [
    "kill9",
    "servers-kills",
    "postgres-kills",
    "rolling",
    "federation-signet",
    "federation-spire",
    "sync",
    "restart",
    "idle",
    "revisions",
    "half-open",
    "hostile-peer",
    "speed-sqlite",
    "speed-postgres",
    "delivery",
    "held",
    "explain",
    "connects",
    "clients",
    "containers",
    "fuzz",
]
CASES = {
    "kill9": ("tests/integration/crash/kill_test.py",
              ["tests/run.py", "tests/integration/crash/kill_test.py"]),
    "servers-kills": ("tests/integration/servers/kills_test.py",
                      ["tests/run.py", "-k", "test_servers_that_end", "tests/integration/servers/kills_test.py"]),
    "postgres-kills": ("tests/integration/servers/kills_test.py",
                       ["tests/run.py", "-k", "test_postgresql_that_ends",
                        "tests/integration/servers/kills_test.py"]),
    "rolling": ("tests/integration/servers/rolling_test.py",
                ["tests/run.py", "-k", "test_no_issuance", "tests/integration/servers/rolling_test.py"]),
    "federation-signet": ("tests/integration/federation/rotation_test.py",
                          ["tests/run.py", "tests/integration/federation/rotation_test.py"]),
    "federation-spire": ("tests/interop/federation/rotation_test.py",
                         ["tests/run.py", "tests/interop/federation/rotation_test.py"]),
    "sync": ("tests/integration/scale/sync_test.py", ["tests/run.py", "tests/integration/scale/sync_test.py"]),
    "restart": ("tests/integration/scale/restart_test.py",
                ["tests/run.py", "tests/integration/scale/restart_test.py"]),
    "idle": ("tests/integration/scale/idle_test.py", ["tests/run.py", "tests/integration/scale/idle_test.py"]),
    "revisions": ("plugins/datastore-sql/test/revision_test.cc",
                  ["build/test/datastore_postgres_test",
                   "--gtest_filter=Revisions.EveryReadersStateEqualsTheTable"]),
    "half-open": ("tests/integration/hostile/half_open_test.py",
                  ["tests/run.py", "tests/integration/hostile/half_open_test.py"]),
    "hostile-peer": ("tests/integration/federation/hostile_peer_test.py",
                     ["tests/run.py", "-k", "test_no_peer_slows", "tests/integration/federation/hostile_peer_test.py"]),
    "speed-sqlite": ("tests/integration/scale/speed_test.py",
                     ["tests/run.py", "-k", "test_on_sqlite", "tests/integration/scale/speed_test.py"]),
    "speed-postgres": ("tests/integration/scale/speed_test.py",
                       ["tests/run.py", "-k", "test_on_postgres", "tests/integration/scale/speed_test.py"]),
    "delivery": ("tests/integration/delivery/latency_test.py",
                 ["tests/run.py", "tests/integration/delivery/latency_test.py"]),
    "held": ("tests/integration/delivery/hold_test.py",
             ["tests/run.py", "-k", "ManyStreams", "tests/integration/delivery/hold_test.py"]),
    "explain": ("tests/integration/explain/pairs_test.py",
                ["tests/run.py", "tests/integration/explain/pairs_test.py"]),
    "connects": ("tests/integration/scale/connects_test.py",
                 ["tests/run.py", "tests/integration/scale/connects_test.py"]),
    "clients": ("tests/interop/workload/clients_test.py",
                ["tests/run.py", "tests/interop/workload/clients_test.py"]),
    "containers": ("tests/integration/agent/containers_test.py",
                   ["tests/run.py", "tests/integration/agent/containers_test.py"]),
    "fuzz": ("scripts/lib/fuzz.sh", ["scripts/test.sh", "fuzz", "60"]),
}


def script_hash(case):
    return hashlib.sha256((ROOT / CASES[case][0]).read_bytes()).hexdigest()


def problem(case):
    """Why the case's record does not count, or None."""
    path = RESULTS / f"{case}.json"
    if not path.exists():
        return "no record"
    record = json.loads(path.read_text())
    if record["verdict"] != "pass":
        return f"the record's verdict is {record['verdict']}"
    if record["script_sha256"] != script_hash(case):
        return "the record is of another version of its script"
    # A shallow clone may lack the commit.
    there = subprocess.run(["git", "show", f"{record['commit']}:{record['script']}"], cwd=ROOT, capture_output=True)
    if there.returncode == 0 and hashlib.sha256(there.stdout).hexdigest() != record["script_sha256"]:
        return f"its commit {record['commit'][:7]} has another version of its script"
    return None


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} x {model}, Linux {platform.release()}"


def uncommitted():
    done = subprocess.run(["git", "status", "--porcelain", "--untracked-files=no"], cwd=ROOT,
                          capture_output=True, text=True)
    return [line[3:] for line in done.stdout.splitlines() if "docs/results/" not in line]


def run(case):
    command = CASES[case][1]
    seed = random.SystemRandom().randrange(2**32)
    with tempfile.NamedTemporaryFile("r", prefix="sgt-fig-") as figures:
        env = dict(os.environ, SIGNET_TEST_SCALE="long", SIGNET_TEST_SEED=str(seed),
                   SIGNET_FIGURES=figures.name)
        began = datetime.datetime.now(datetime.timezone.utc)
        code = subprocess.run(command, cwd=ROOT, env=env).returncode
        text = figures.read()
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    record = {
        "case": case, "verdict": "fail" if code else "pass", "commit": commit.stdout.strip(),
        "date": began.isoformat(timespec="seconds"), "machine": machine(), "seed": seed,
        "command": " ".join(command), "script": CASES[case][0], "script_sha256": script_hash(case),
        "seconds": round((datetime.datetime.now(datetime.timezone.utc) - began).total_seconds()),
        "figures": [json.loads(line) for line in text.splitlines()],
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{case}.json").write_text(json.dumps(record, indent=1) + "\n")
    print(f"{case}: {record['verdict']} in {record['seconds']} s, docs/results/{case}.json")
    return code


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["run", "check"])
    parser.add_argument("case", nargs="*")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--summary")
    args = parser.parse_intermixed_args()
    cases = args.case or (REQUIRED if args.what == "check" else list(CASES))
    for case in cases:
        if case not in CASES:
            parser.error(f"no case {case}; there are: {', '.join(CASES)}")
    if args.what == "run" and (changed := uncommitted()):
        parser.error(f"a record names the commit that it is of; commit first: {changed[0]}")
    failed = 0
    for case in cases:
        why = problem(case)
        if args.what == "check":
            print(f"  {case}: {why or 'recorded'}")
            failed += bool(why)
        elif why is None and not args.again:
            print(f"  {case}: recorded already (--again runs it anew)")
        else:
            failed += run(case) != 0
    if args.summary:
        with open(args.summary, "a") as f:
            f.write(f"{len(cases) - failed} {failed} 0\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
