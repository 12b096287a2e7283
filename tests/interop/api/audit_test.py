"""`audit_log_enabled`: the lines that SIEM rules parse, beside SPIRE's for the same calls."""

import json
import re
import unittest

from harness.api import Call, Side, TestCase, entry, td
from harness.mask import Masker

CALLS = [
    Call("-", "Entry/BatchCreateEntry", {"entries": [entry(1), {"spiffe_id": td("/x")}, entry(2, hint="h")]}),
    Call("-", "Entry/GetEntry", {"id": "e1"}),
    Call("-", "Entry/GetEntry", {"id": "none"}),
    Call("-", "Entry/BatchUpdateEntry", {"entries": [{**entry(1), "hint": "new"}], "input_mask": {"hint": True}}),
    Call("-", "Entry/BatchDeleteEntry", {"ids": ["e1", "none"]}),
    Call("-", "Agent/CreateJoinToken", {"ttl": 60}),
    Call("-", "Agent/BanAgent", {"id": td("/nobody")}),
    Call("-", "Bundle/GetBundle", caller="nobody"),
    Call("-", "Bundle/GetBundle", caller="agent"),
    Call("-", "Bundle/GetFederatedBundle", {"trust_domain": "unknown.org"}),
    Call("-", "Entry/GetAuthorizedEntries", caller="agent"),
    Call("-", "Entry/ListEntries", caller="agent"),  # refused
    Call("-", "SVID/MintX509SVID", lambda side: {"csr": side.csr("-spiffe-id", "spiffe://example.org/m")}),
    Call("-", "SVID/NewJWTSVID", {"entry_id": "none", "audience": ["a"]}, caller="agent"),
]
FIELD = re.compile(r'([a-z_A-Z0-9]+)=("(?:\\.|[^"\\])*"|\S*)')
DRAWN = {"time", "request_id", "caller_addr", "caller_id", "csr", "serial_num", "expires_at", "caller_path"}
# docs/spire-compatibility.md: fields that we add, one that we leave out, and refusals, which SPIRE leaves out.
OURS = {"token_sha256", "serial_num"}
THEIRS = {"subject"}


def audited(side, masker):
    out = []
    for line in side.server.process.text().splitlines():
        if "API accessed" not in line:
            continue
        fields = {}
        for name, value in FIELD.findall(line):
            value = json.loads(value) if value.startswith('"') else value
            fields[name] = "<drawn>" if name in DRAWN else masker.text(value, whole=True)
        # SPIRE asks itself for the bundle to see whether it is healthy.
        if fields.get("authorized_as") != "nobody" or "caller_uid" not in fields:
            out.append(fields)
    return out


class Audit(TestCase):
    show_logs = False

    def test_the_same_lines_for_the_same_calls(self):
        lines = []
        for impl in ("spire", "signet"):
            side = Side(self, impl, {"server": {"audit_log_enabled": True}})
            for call in CALLS:
                side.call(call, side.request_of(call))
            lines.append(audited(side, Masker(port=side.server.port)))
        theirs, ours = lines
        refused = [line for line in ours if line.get("status_code") == "PermissionDenied"]
        self.assertEqual([line["method"] for line in refused], ["ListEntries"])
        ours = [line for line in ours if line not in refused]
        self.assertGreaterEqual(len(theirs), len(CALLS))
        for number, (want, got) in enumerate(zip(theirs, ours)):
            with self.subTest(line=number, method=want.get("method")):
                for name in THEIRS:
                    want.pop(name, None)
                for name in OURS - want.keys():
                    got.pop(name, None)
                self.assertEqual(want, got, "SPIRE's line first")
        self.assertEqual(len(theirs), len(ours))
        print(f"    {len(theirs)} lines")

    def test_secrets_in_selectors_are_in_no_line(self):
        side = Side(self, "signet", {"server": {"audit_log_enabled": True, "log_level": "DEBUG"}})
        secret = [{"type": "docker", "value": "env:PASSWORD=hunter2"},
                  {"type": "k8s", "value": "pod-annotation:token:hunter2"}]
        for request in (Call("-", "Entry/BatchCreateEntry", {"entries": [entry(1, selectors=secret)]}),
                        Call("-", "Entry/BatchUpdateEntry", {"entries": [entry(1, selectors=secret, hint="new")]})):
            side.call(request, side.request_of(request))
        lines = audited(side, Masker(port=side.server.port))
        self.assertTrue([line for line in lines if "docker:env" in line.get("selectors", "")], lines)
        self.assertNotIn("hunter2", side.server.process.text())


if __name__ == "__main__":
    unittest.main()
