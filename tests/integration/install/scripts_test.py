"""The two commands of the README: the demonstration runs to its end, and what is missing is named."""

import os
import unittest

from harness import paths
from harness.case import TestCase, needs_signet
from harness.process import run

INSTALL = ". scripts/lib/common.sh; . scripts/lib/install.sh; install_packages {}; echo all there"


class Scripts(TestCase):
    @needs_signet
    @unittest.skipUnless(paths.BUILD == paths.ROOT / "build", "the demonstration shows the tree's own build")
    def test_the_demonstration_gives_a_client_its_identity_and_leaves_nothing(self):
        tmp = self.folder / "tmp"
        tmp.mkdir()
        done = run(["scripts/demo.sh"], cwd=paths.ROOT, env={"TMPDIR": str(tmp)}, seconds=300)
        self.assertEqual(done.code, 0, done)
        self.assertIn("URI:spiffe://example.org/demo", done.out)
        self.assertIn("svid.pem: OK", done.out)
        self.assertEqual(list(tmp.iterdir()), [])

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become somebody without rights")
    def test_who_may_not_install_gets_the_line_that_does(self):
        wanted = self.folder / "packages"
        wanted.write_text("bash  # is there\nno-such-package-a\nno-such-package-b\n")
        words = ["env", "-i", "PATH=" + self.without_sudo(), "bash", "-c", INSTALL.format(wanted)]
        refused = run(words, uid=65534, cwd=paths.ROOT)
        self.assertEqual(refused.code, 1, refused)
        self.assertIn("apt-get update && apt-get install -y --no-install-recommends "
                      "no-such-package-a no-such-package-b\n", refused.err)
        wanted.write_text("bash\n")
        self.assertEqual(run(words, uid=65534, cwd=paths.ROOT).out, "all there\n")

    def without_sudo(self):
        """The folders of PATH as one of links, with all programs but sudo."""
        folder = self.folder / "bin"
        folder.mkdir()
        for place in ("/usr/bin", "/bin"):
            for program in os.scandir(place):
                link = folder / program.name
                if program.name != "sudo" and not link.is_symlink():
                    link.symlink_to(program.path)
        return str(folder)


if __name__ == "__main__":
    unittest.main()
