"""Each method and each row of rows.txt has a call, and COVERAGE.md says which.

No server is started: the tables of the other files are made and looked at. That each call shows what
it claims is checked where it is made. SIGNET_GOLDEN_UPDATE=1 writes COVERAGE.md anew.
"""

import collections
import importlib.util
import os
import pathlib
import unittest

from harness import api_rows, paths
from harness.api import ApiTest

HERE = pathlib.Path(__file__).resolve().parent
LIST = HERE / "COVERAGE.md"
HEAD = """# What the calls of the server's API cover

Made by `coverage_test.py` from `rows.txt` and the tables of this folder; not written by hand. Each call
goes to SPIRE and to Signet, and code, text and fields have to be equal. `differs` marks the calls whose
answers are known to differ, see docs/spire-compatibility.md.
"""


def tables():
    """(test name, its calls) of every table in this folder."""
    for path in sorted(HERE.glob("*_test.py")):
        if path.name == pathlib.Path(__file__).name:
            continue
        spec = importlib.util.spec_from_file_location(f"table_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for thing in vars(module).values():
            if not (isinstance(thing, type) and issubclass(thing, ApiTest)) or thing is ApiTest:
                continue
            for name in unittest.defaultTestLoader.getTestCaseNames(thing):
                test = thing(name)
                yield f"{path.stem}.{name}", getattr(thing, name).calls(test)


def elsewhere(row):
    """Whether the test that a row points to exists."""
    file, _, name = row.sign.partition("::")
    path = paths.ROOT / file
    return path.exists() and name in path.read_text()


class Coverage(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.rows = api_rows.read()
        self.seen = collections.defaultdict(lambda: [0, 0, set()])  # calls, that differ, tests
        self.unknown = []
        for test, calls in tables():
            for call in calls:
                names = call.rows.split() if call.method else []
                for name in names if call.rows != "-" else ["-"] * bool(call.method):
                    if name != "-" and (call.method, name) not in self.rows:
                        self.unknown.append(f"{test}: {call.method} has no row {name}")
                    entry = self.seen[call.method, name]
                    entry[0] += 1
                    entry[1] += call.differs is not None
                    entry[2].add(test)

    def test_every_method_and_every_row_has_a_call(self):
        self.assertEqual(self.unknown, [])
        missing = [f"{r.method}: {r.name}" for key, r in self.rows.items()
                   if key not in self.seen and r.code not in "-@"]
        self.assertEqual(missing, [])
        self.assertEqual([r for r in self.rows.values() if r.code == "@" and not elsewhere(r)], [])
        self.assertEqual([r for key, r in self.rows.items() if r.code == "-" and key in self.seen], [],
                         "it can be reached")
        self.assertEqual([m for m in api_rows.methods() if not any(m == r[0] for r in self.seen)], [])

    def test_the_list_is_current(self):
        text = self.listing()
        if os.environ.get("SIGNET_GOLDEN_UPDATE"):
            LIST.write_text(text)
        self.assertEqual(LIST.read_text() if LIST.exists() else "", text,
                         f"SIGNET_GOLDEN_UPDATE=1 tests/run.py {pathlib.Path(__file__).relative_to(paths.ROOT)}")

    def listing(self):
        lines = [HEAD]
        rows = list(self.rows.values())
        for method in api_rows.methods():
            mine = [r for r in rows if r.method == method]
            lines += [f"## {method}", "", "| Row | Code | What it is | Calls | Tests |", "|---|---|---|---|---|"]
            for row in mine:
                calls, differ, tests = self.seen.get((method, row.name), (0, 0, ()))
                if row.code == "-":
                    where, calls = f"none: {row.words}", ""
                elif row.code == "@":
                    where, calls = row.sign, ""
                else:
                    where = ", ".join(sorted(tests))
                    calls = f"{calls}, {differ} differs" if differ else calls
                words = "cannot be reached" if row.code == "-" else row.words
                lines.append(f"| {row.name} | {row.code.strip('-@')} | {words} | {calls} | {where} |")
            more = self.seen.get((method, "-"))
            if more:
                lines.append(f"| | | other requests | {more[0]} | {', '.join(sorted(more[2]))} |")
            lines.append("")
        return "\n".join(lines)


if __name__ == "__main__":
    unittest.main()
