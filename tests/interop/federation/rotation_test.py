"""Signet federated with real SPIRE, both rotating once a minute under cross-domain verification."""

import time
import unittest

from harness import paths
from harness.case import TestCase, UID_A, UID_B, needs_root, needs_signet
from harness.federation import CrossDomain, Domain, wait_equal

MOSTLY_WAITS = True  # tests/run.py starts it first, beside the others

ROTATIONS = 5 if paths.long_run() else 2
PERIOD = 60
# SPIRE polls every 15 s at the earliest and its agents every 5 s, so a key has to be known that long
# before it signs. SVIDs live 60 s and are renewed at half of that: what was active a whole period
# ago signs no SVID that is still shown.
PREPARED_FOR = 31


@needs_root
@needs_signet
class RotationWithSpire(TestCase):
    def test_no_verification_fails_while_both_sides_rotate(self):
        ours, theirs = Domain(self, "signet", "ours.org", UID_A), Domain(self, "spire", "theirs.org", UID_B)
        ours.federates_with(theirs)
        for domain in (ours, theirs):
            domain.start()
        ours.learn(theirs)
        # Not by its configuration: its first poll would fail for want of a bundle, and the next come
        # after a minute.
        theirs.create_relationship(ours)
        ours.start_workload(theirs)
        theirs.start_workload(ours)
        for domain, other in ((ours, theirs), (theirs, ours)):
            domain.server.must("federation", "refresh", "-id", other.name)
        traffic = CrossDomain(self, ours, theirs)
        began = time.monotonic()
        for n in range(ROTATIONS):
            for domain in (ours, theirs):
                domain.prepare()
            traffic.run(PREPARED_FOR)
            for domain in (ours, theirs):
                domain.activate()
            traffic.run(began + (n + 1) * PERIOD - time.monotonic())
        figures = traffic.finish(certificates=ROTATIONS + 1)
        wait_equal(ours, theirs)
        self.figures(rotations=ROTATIONS, prepared_seconds=PREPARED_FOR, **figures)


if __name__ == "__main__":
    unittest.main()
