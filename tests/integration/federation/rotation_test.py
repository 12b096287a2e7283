"""Signet federated with Signet, both rotating every ten seconds under cross-domain verification."""

import time
import unittest

from harness import paths
from harness.case import TestCase, UID_A, UID_B, needs_root, needs_signet
from harness.federation import CrossDomain, Domain, wait_equal

MOSTLY_WAITS = True  # tests/run.py starts it first, beside the others

ROTATIONS = 30 if paths.long_run() else 6
PERIOD = 10
PREPARED_FOR = 3.5  # at least; the refresh hint is 1 s
TAINTED_FOR = 4  # at least: until then the SVIDs of what is revoked are replaced


@needs_root
@needs_signet
class RotationOfTwoSignets(TestCase):
    def test_no_verification_fails_while_both_sides_rotate(self):
        """The whole life of an authority each time, so that what each shows and signs is always of
        the newest: prepared, activated, the one before tainted and, a period later, revoked."""
        one = Domain(self, "signet", "one.org", UID_A, hint="1s")
        two = Domain(self, "signet", "two.org", UID_B, hint="1s")
        for domain, other in ((one, two), (two, one)):
            domain.federates_with(other)
        for domain in (one, two):
            domain.start()
        for domain, other in ((one, two), (two, one)):
            domain.learn(other)
            domain.start_workload(other)
        wait_equal(one, two)
        traffic = CrossDomain(self, one, two)
        began = time.monotonic()
        for n in range(ROTATIONS):
            for domain in (one, two):
                if n > 0:
                    domain.revoke()
                domain.prepare()
            traffic.run(PREPARED_FOR)
            for domain in (one, two):
                domain.activate()
                domain.taint()
            # A busy machine is late and has longer periods, but never shorter steps.
            traffic.run(max(TAINTED_FOR, began + (n + 1) * PERIOD - time.monotonic()))
        figures = traffic.finish(certificates=ROTATIONS + 1)
        wait_equal(one, two)
        self.figures(rotations=ROTATIONS, prepared_seconds=PREPARED_FOR, **figures)


if __name__ == "__main__":
    unittest.main()
