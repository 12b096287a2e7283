"""The Agent service: attestation with a join token, listing, banning, evicting."""

import base64
import unittest

from harness.api import ApiTest, do, pause, refused_with, service, table, td
from harness.certificates import Certificate, x509pop_agent, x509pop_server

agent = service("Agent")
BAD_IDS = {"no-id": {}, "id-malformed": {"id": td("no slash")}, "id-without-path": {"id": td("")},
           "id-foreign": {"id": {"trust_domain": "other.org", "path": "/spire/agent/x"}},
           "id-not-an-agent": {"id": td("/workload")}, "unknown": {"id": td("/spire/agent/none")}}
BAD_SELECTORS = ({"type": "", "value": "x"}, {"type": "a:b", "value": "x"}, {"type": "a", "value": ""})


def own(row, method, **more):
    return agent(row, method, lambda side: {"id": side.own(), **more})


def attest(row, token="", csr="AAAA", caller="nobody", **kw):
    """token: text; csr: base64, or flags for the probe to make one."""
    def request(side):
        made = csr if isinstance(csr, str) else side.csr(*csr)
        payload = base64.b64encode(token.encode()).decode()
        return {"params": {"data": {"type": "join_token", "payload": payload}, "params": {"csr": made}}}
    return agent(row, "AttestAgent", request, caller=caller, **kw)


def token(value, ttl=60, row="chosen", **more):
    return agent(row, "CreateJoinToken", {"ttl": ttl, "token": value, **more})


class Agents(ApiTest):
    @table()
    def test_listing(self):
        def match(kind, *selectors):
            return {"by_selector_match": {"match": f"MATCH_{kind}", "selectors": [
                {"type": t, "value": v} for t, v in selectors]}}
        filters = [
            ("filter-attestation-type", {"by_attestation_type": "join_token"}),
            ("filter-attestation-type", {"by_attestation_type": "none"}),
            ("filter-banned", {"by_banned": True}), ("filter-not-banned", {"by_banned": False}),
            ("filter-can-reattest", {"by_can_reattest": True}),
            ("filter-cannot-reattest", {"by_can_reattest": False}),
            ("filter-expires-before", {"by_expires_before": "2000-01-01 00:00:00 +0000 +00"}),
            ("filter-expires-before", {"by_expires_before": "2099-01-01 00:00:00 +0000 +00"}),
            ("filter-expires-before", {"by_expires_before": "2099-01-01 00:00:00 -0700 -07"}),
            ("filter-time-not-read", {"by_expires_before": "nonsense"}),
            *((f"filter-selectors-{kind.lower()}", match(kind, *selectors))
              for kind in ("EXACT", "SUBSET", "SUPERSET", "ANY")
              for selectors in ([("a", "b")], [("spiffe_id", "spiffe://example.org/x"), ("a", "b")])),
            ("filter-not-banned filter-cannot-reattest filter-attestation-type",
             {"by_banned": False, "by_can_reattest": False, "by_attestation_type": "join_token"}),
            ("no-selectors", {"by_selector_match": {"selectors": []}}),
            *(("bad-selector", {"by_selector_match": {"selectors": [s]}}) for s in BAD_SELECTORS),
        ]

        def more_agents(side):
            for n in range(4):
                folder = side.server.folder / f"agent{n}"
                side.join(side.server.token(), folder)
        return [
            do(more_agents), own("good", "BanAgent"),
            agent("good", "ListAgents"), agent("good", "CountAgents"),
            *(agent(row, method, {"filter": f}) for row, f in filters
              for method in ("ListAgents", "CountAgents")),
            *(agent("mask", "ListAgents", {"output_mask": mask}) for mask in (
                {}, {"attestation_type": True}, {"selectors": True}, {"banned": True, "can_reattest": True},
                {"x509svid_serial_number": True, "x509svid_expires_at": True, "agent_version": True})),
            agent("page-first", "ListAgents", {"page_size": 2}),
            agent("page-next", "ListAgents", {"page_size": 2, "page_token": "2"}),
            agent("page-next", "ListAgents", {"page_size": 2, "page_token": "4"}),
            agent("page-past-the-end", "ListAgents", {"page_size": 2, "page_token": "5"}),
            agent("page-past-the-end", "ListAgents", {"page_size": 2, "page_token": "99"}),
            agent("page-first", "ListAgents", {"page_size": 2, "filter": {"by_banned": False}}),
            agent("page-first", "ListAgents", {"page_size": 2, "filter": {"by_banned": True}}),
            agent("page-size-negative", "ListAgents", {"page_size": -1}),
            agent("page-token-bad", "ListAgents", {"page_size": 1, "page_token": "x"}),
            agent("page-token-bad", "ListAgents", {"page_size": 1, "page_token": "99999999999"}),
            agent("-", "ListAgents", {"page_token": "x"}),
        ]

    @table()
    def test_one_by_one(self):
        return [
            own("good", "GetAgent"), own("mask", "GetAgent", output_mask={"banned": True}),
            own("mask", "GetAgent", output_mask={}),
            *(agent(row, method, request) for method in ("GetAgent", "BanAgent", "DeleteAgent")
              for row, request in BAD_IDS.items()),
            agent("good", "PostStatus", {"current_bundle_serial": 1, "agent_version": "9.9"}, caller="agent"),
            own("good", "GetAgent"),
            agent("no-version", "PostStatus", caller="agent"),
            agent("good", "PostStatus", {"agent_version": "v" * 255}, caller="agent"),
            agent("version-too-long", "PostStatus", {"agent_version": "v" * 256}, caller="agent"),
            agent("good", "RenewAgent", lambda side: {"params": {"csr": side.csr()}}, caller="agent"),
            agent("csr-without-possession", "RenewAgent", lambda side: {"params": {
                "csr": side.csr("-fault", "signature")}}, caller="agent",
                  differs=refused_with("InvalidArgument", "failed to parse CSR")),
            agent("no-params", "RenewAgent", caller="agent"),
            agent("no-csr", "RenewAgent", {"params": {}}, caller="agent"),
            agent("csr-malformed", "RenewAgent", {"params": {"csr": "AAAA"}}, caller="agent"),
            own("good", "GetAgent"),
            own("good", "BanAgent"), own("again", "BanAgent"), own("banned", "GetAgent"),
            service("Entry")("refused", "GetAuthorizedEntries", caller="agent"),
            own("good", "DeleteAgent"), own("again", "DeleteAgent"), own("unknown", "GetAgent"),
            service("Entry")("good", "ListEntries"),  # its alias went with it
            service("Entry")("refused", "GetAuthorizedEntries", caller="agent"),
        ]

    @table()
    def test_join_tokens(self):
        return [
            agent("good", "CreateJoinToken", {"ttl": 60}),
            *(agent("no-ttl", "CreateJoinToken", {"ttl": ttl}) for ttl in (0, -1)),
            token("chosen-by-the-caller"), token("chosen-by-the-caller", row="duplicate"),
            token("with-alias", row="for-an-id", agent_id=td("/alias")),
            service("Entry")("good", "ListEntries"),
            *(token("x" * 20, row="id-not-a-workload", agent_id=bad) for bad in (
                td("/spire/agent/x"), {"trust_domain": "b.org", "path": "/x"}, {}, td("/a//b"))),
            token("a b/c"), token("d e/f", row="alias-fails", agent_id=td("/alias")),
            token("d e/f", row="duplicate"),
        ]

    @table()
    def test_attestation(self):
        def params(row, request):
            return agent(row, "AttestAgent", request, caller="nobody")
        csr = {"csr": "AAAA"}
        return [
            params("no-params", {}), params("no-params", {"challenge_response": "AAAA"}),
            params("no-data", {"params": {}}),
            params("no-svid-params", {"params": {"data": {"type": "join_token", "payload": "AAAA"}}}),
            params("no-csr", {"params": {"data": {"type": "join_token", "payload": "AAAA"}, "params": {}}}),
            params("no-type", {"params": {"data": {"payload": "AAAA"}, "params": csr}}),
            params("no-payload", {"params": {"data": {"type": "join_token"}, "params": csr}}),
            params("unknown-type", {"params": {"data": {"type": "nosuch", "payload": "AAAA"}, "params": csr}}),
            attest("token-unknown", "none", []), attest("token-unknown", "none"),
            token("one-token-of-ours"), attest("good", "one-token-of-ours", []),
            attest("token-used", "one-token-of-ours", []),
            agent("good", "GetAgent", {"id": td("/spire/agent/join_token/one-token-of-ours")}),
            # The token is gone before the request is looked at.
            token("another-token-of-ours"), attest("csr-malformed", "another-token-of-ours"),
            attest("token-used", "another-token-of-ours", []),
            # Whoever asks has to have the key.
            token("the-third-token-of-ours"),
            attest("csr-without-possession", "the-third-token-of-ours", ["-fault", "signature"],
                   differs=refused_with("InvalidArgument", "failed to parse CSR")),
            # A token may be made again once it is used, and its agent is the same.
            token("one-token-of-ours"),
            agent("good", "BanAgent", {"id": td("/spire/agent/join_token/one-token-of-ours")}),
            attest("banned", "one-token-of-ours", []),
            token("a-short-lived-token", ttl=1), pause(2.1), attest("token-expired", "a-short-lived-token", []),
        ]

    def x509pop(self):
        folder = self.folder / "machines"
        if not folder.exists():
            Certificate(folder, "machine", "DNS:machine", Certificate(folder, "root", "DNS:root"))
        return x509pop_server(folder)

    @table(x509pop)
    def test_an_agent_that_can_attest_again(self):
        def a_machine(side):
            real = self.agent("spire", side.server, x509pop_agent(self.folder / "machines", "machine"), start=False)
            real.start(token=None).stop()
            side.become(real)
        return [
            do(a_machine), agent("must-reattest", "RenewAgent", caller="agent"),
            agent("must-reattest", "RenewAgent", {"params": {"csr": "AAAA"}}, caller="agent"),
            *(agent(row, "ListAgents", {"filter": {"by_can_reattest": again}}) for row, again in (
                ("filter-can-reattest", True), ("filter-cannot-reattest", False))),
            *(agent(f"filter-selectors-{kind.lower()}", "ListAgents", {"filter": {"by_selector_match": {
                "match": f"MATCH_{kind}", "selectors": [{"type": "x509pop", "value": "subject:cn:machine"}]}}})
              for kind in ("EXACT", "SUBSET", "SUPERSET", "ANY")),
            *(agent(row, "ListAgents", {"page_size": size, "page_token": token, "filter": {"by_selector_match": {
                "match": "MATCH_ANY", "selectors": [{"type": "x509pop", "value": "subject:cn:machine"}]}}})
              for row, size, token in (("page-first", 1, ""), ("page-next", 1, "1"), ("page-past-the-end", 1, "2"),
                                       ("page-first", 5, ""))),
        ]


if __name__ == "__main__":
    unittest.main()
