"""The figures of docs/performance.md, guarded at a fifth of each: what loses a factor is noticed at once.

The figures themselves, with SPIRE's beside them: `tests/load/compare.py`.
"""

import json
import re
import sys
import unittest

from harness import paths
from harness.case import TestCase, needs_signet
from harness.process import run

# Per CPU second of the server or agent, as docs/performance.md has them.
FIGURES = {"entry_create": 20_000, "sync_full": 1_743_023, "x509_issue": 5_501, "jwt_issue": 9_207,
           "entry_list": 658_101, "workload_fetch": 9_583, "workload_jwt": 37_544}
STREAM_KIB = 11.2


@needs_signet
class Speed(TestCase):
    def test_each_case_at_a_fifth_of_its_figure(self):
        out = self.folder / "compare.json"
        done = run([sys.executable, paths.ROOT / "tests" / "load" / "compare.py", "--impl", "signet", "--seconds", "1",
                    "--many", "0", "--streams", "200", "--idle-seconds", "0",
                    "--json", out], seconds=240)
        self.assertEqual(done.code, 0, done)
        cases = {case["case"]: case for case in json.loads(out.read_text())["signet"]["cases"]}
        for name, figure in FIGURES.items():
            with self.subTest(name):
                self.assertEqual(cases[name]["errors"], 0)
                self.assertGreater(cases[name]["per_cpu_second"], figure / 5 / paths.slow())
        kib = float(re.match(r"([\d.]+) KiB", cases["workload_streams"]["note"]).group(1))
        self.assertLess(kib, STREAM_KIB * 5)
        print("    " + ", ".join(f"{name} {cases[name]['per_cpu_second']:.0f}" for name in FIGURES))


if __name__ == "__main__":
    unittest.main()
