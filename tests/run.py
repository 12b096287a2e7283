#!/usr/bin/env python3
"""Runs the Python tests: each *_test.py below the given folders in a process of its own.

    tests/run.py [-k PATTERN] [-j N] [--summary FILE] FOLDER_OR_FILE...

A file that says `MOSTLY_WAITS = True` starts at once, beside the N others: it needs no processor to
speak of. A file's output is shown when it is done, each test with its time. --summary appends lines of
`passed failed skipped [the test that failed]`; the exit code is 1 when anything failed.
"""

import argparse
import concurrent.futures
import importlib.util
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

TESTS = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(TESTS))
MOSTLY_WAITS = "\nMOSTLY_WAITS = True"


class Result(unittest.TextTestResult):
    def startTest(self, test):
        super().startTest(test)
        self._began = time.monotonic()

    def _line(self, test, word):
        took = time.monotonic() - self._began
        self.stream.writeln(f"  {word:7s} {took:6.1f} s  {test.id()}")
        self.stream.flush()

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self._line(test, "ok")

    def addFailure(self, test, err):
        unittest.TestResult.addFailure(self, test, err)
        self._line(test, "FAILED")

    def addError(self, test, err):
        unittest.TestResult.addError(self, test, err)
        if hasattr(self, "_began"):
            self._line(test, "ERROR")

    def addSkip(self, test, reason):
        unittest.TestResult.addSkip(self, test, reason)
        self.stream.writeln(f"  SKIPPED  {test.id()}: {reason}")


def run_file(path, pattern, summary):
    """Runs one file here. Loaded by path, so that folders may be named as people read them."""
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    loader = unittest.TestLoader()
    if pattern:
        loader.testNamePatterns = [f"*{pattern}*"]
    suite = loader.loadTestsFromModule(module)
    result = unittest.TextTestRunner(verbosity=0, resultclass=Result, stream=sys.stdout).run(suite)
    failed = [test.id() for test, _ in result.failures + result.errors]
    failed += [test.id() for test in result.unexpectedSuccesses]
    passed = result.testsRun - len(failed) - len(result.skipped)
    with open(summary, "a") as f:
        f.write(f"{max(passed, 0)} 0 {len(result.skipped)}\n")
        f.writelines(f"0 1 0 {name}\n" for name in failed)
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-k", default="", help="only tests whose name contains this")
    parser.add_argument("-j", type=int, default=2, help="files at once")
    parser.add_argument("--summary", help="append the numbers to this file")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("what", nargs="*")
    args = parser.parse_args()
    if args.one:
        return run_file(pathlib.Path(args.one).resolve(), args.k, args.summary)

    files = []
    for what in map(pathlib.Path, args.what or [TESTS / "integration", TESTS / "interop"]):
        files += [what] if what.is_file() else sorted(what.rglob("*_test.py"))
    with tempfile.NamedTemporaryFile("r", prefix="sgt-sum-") as own:
        def one(path):
            done = subprocess.run([sys.executable, __file__, "--one", path, "-k", args.k,
                                   "--summary", own.name], capture_output=True, text=True)
            return path, done

        code = 0
        idle = [f for f in files if args.j > 1 and MOSTLY_WAITS in f.read_text()]
        with (concurrent.futures.ThreadPoolExecutor(max(len(idle), 1)) as beside,
              concurrent.futures.ThreadPoolExecutor(max(args.j, 1)) as pool):
            runs = [(beside if f in idle else pool).submit(one, f) for f in files]
            for future in concurrent.futures.as_completed(runs):
                path, done = future.result()
                print(f"{path}\n{done.stdout}{done.stderr}", flush=True)
                if done.returncode not in (0, 1) or (done.returncode == 1 and "Ran " not in done.stdout):
                    with open(own.name, "a") as f:  # the file could not even be loaded
                        f.write(f"0 1 0 {path}\n")
                code = code or (1 if done.returncode else 0)
        rows = own.readlines()
    passed, failed, skipped = (sum(int(row.split()[i]) for row in rows) for i in range(3))
    print(f"python tests: {passed} passed, {failed} failed, {skipped} skipped")
    if args.summary:
        with open(args.summary, "a") as f:
            f.writelines(rows)
    return code


if __name__ == "__main__":
    sys.exit(main())
