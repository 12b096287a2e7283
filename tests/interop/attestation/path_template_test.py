"""tests/fixtures/agent_path_templates.json says what SPIRE's own code says.

The x509pop plugin's unit test holds our rendering to that file."""

import json
import unittest

from harness import paths
from harness.case import TestCase
from harness.process import run


class PathTemplates(TestCase):
    def test_the_fixture_is_what_spire_renders(self):
        fixture = json.loads((paths.ROOT / "tests" / "fixtures" / "agent_path_templates.json").read_text())
        templates = [case["template"] for case in fixture["cases"]]
        result = run([paths.peer("path-template")],
                     stdin=json.dumps({"data": fixture["data"], "templates": templates}))
        self.assertEqual(result.code, 0, result)
        self.assertEqual(dict(zip(templates, json.loads(result.out))),
                         {case["template"]: case["output"] for case in fixture["cases"]})


if __name__ == "__main__":
    unittest.main()
