"""The server's gRPC API compared with SPIRE's, call by call: who may call what, and what comes back.

The same requests go to a SPIRE server and to Signet's; code, message and answer have to be equal
after masking ids, serials, keys and times.
"""

import json
import os
import time
import unittest

from harness import paths
from harness.case import TestCase
from harness.mask import Masker

PACKAGE = "spire.api.server"
METHODS = {
    "agent.v1.Agent": ["CountAgents", "ListAgents", "GetAgent", "DeleteAgent", "BanAgent", "AttestAgent",
                       "RenewAgent", "CreateJoinToken", "PostStatus"],
    "bundle.v1.Bundle": ["CountBundles", "GetBundle", "AppendBundle", "PublishJWTAuthority",
                         "ListFederatedBundles", "GetFederatedBundle", "BatchCreateFederatedBundle",
                         "BatchUpdateFederatedBundle", "BatchSetFederatedBundle",
                         "BatchDeleteFederatedBundle", "PublishWITAuthority"],
    "entry.v1.Entry": ["CountEntries", "ListEntries", "GetEntry", "BatchCreateEntry", "BatchUpdateEntry",
                       "BatchDeleteEntry", "GetAuthorizedEntries", "SyncAuthorizedEntries"],
    "localauthority.v1.LocalAuthority": [
        *(f"{what}{kind}Authority{'State' if what == 'Get' else ''}" for kind in ("X509", "JWT", "WIT")
          for what in ("Get", "Prepare", "Activate", "Taint", "Revoke")),
        "TaintX509UpstreamAuthority", "RevokeX509UpstreamAuthority"],
    "svid.v1.SVID": ["MintX509SVID", "MintJWTSVID", "MintWITSVID", "BatchNewX509SVID", "NewJWTSVID",
                     "BatchNewWITSVID", "NewDownstreamX509CA"],
    "trustdomain.v1.TrustDomain": [
        "ListFederationRelationships", "GetFederationRelationship", "BatchCreateFederationRelationship",
        "BatchUpdateFederationRelationship", "BatchDeleteFederationRelationship", "RefreshBundle"],
}
FIELDS = ("expiresAt", "issuedAt", "createdAt", "x509svidExpiresAt", "x509svidSerialNumber", "asn1",
          "publicKey", "keyId", "certChain", "token", "sequenceNumber", "x509Svid", "seconds",
          "refreshHint", "x509CaAuthorities", "caCertChain", "x509Authorities", "authorityId",
          "upstreamAuthoritySubjectKeyId", "subjectKeyId")


def td(path):
    return {"trust_domain": "example.org", "path": path}


def entry(number, **more):
    return {"id": f"e{number}", "spiffe_id": td(f"/w/{number}"), "parent_id": td("/host"),
            "selectors": [{"type": "unix", "value": f"uid:{number}"}], **more}


class Side:
    """One server and the agent identity that calls it over TCP."""

    def __init__(self, case, impl, over=None):
        self.case, self.impl = case, impl
        self.server = case.server(impl, over)
        self.agent = self.server.folder / "agent"
        self.agent.mkdir()
        token = self.server.token("/host")
        _, lines = case.probe("join", "-addr", f"127.0.0.1:{self.server.port}", "-token", token, "-dir",
                              self.agent)
        self.agent_id = lines[0]["spiffe_id"]
        self.mask = Masker(port=self.server.port)
        self.down = None

    def downstream(self):
        """The identity of a server below this one, which an entry allows to be that."""
        if self.down is None:
            self.down = self.server.folder / "down"
            self.down.mkdir()
            self.server.create_entry("/down", "/host", ["unix:uid:9"], "-downstream", "-entryID", "down")
            time.sleep(2.5 if self.impl == "spire" else 0)
            self.server.must("x509", "mint", "-spiffeID", "spiffe://example.org/down", "-write", self.down)
        return self.down

    def ask(self, method, request):
        """One answer of the admin socket as it is."""
        answers, end = self.case.call(self.server, f"{PACKAGE}.{method}", request)
        assert end["code"] == "OK", end
        return answers[0]

    def call(self, caller, method, request, *more):
        address = ["-addr", f"127.0.0.1:{self.server.port}"]
        who = {"local": ["-socket", self.server.socket], "nobody": address,
               "agent": [*address, "-dir", self.agent],
               "down": [*address, "-dir", self.downstream() if caller == "down" else ""]}[caller]
        text = request if isinstance(request, str) else json.dumps(request)
        _, lines = self.case.probe("call", *who, "-method", f"{PACKAGE}.{method}", *more, stdin=text)
        for line in lines:
            line.pop("seconds", None)
            if "AuthorizedEntries" in method and "entries" in line.get("answer", {}):
                line["answer"]["entries"].sort(key=lambda e: e["spiffeId"]["path"])  # a set
        return [self.mask.json(line, FIELDS) for line in lines]


class ServerApi(TestCase):
    show_logs = False
    other = "signet" if paths.have_signet() else "spire"
    over = None  # settings of both servers

    def compare(self, calls):
        """calls: (caller, method, request, flags...). A request may be a function of the side."""
        theirs, ours = Side(self, "spire", self.over), Side(self, self.other, self.over)
        differ = 0
        record = os.environ.get("SIGNET_TEST_RECORD")
        for n, (caller, method, request, *more) in enumerate(calls):
            if caller == "wait":
                # SPIRE reads its own entries once a second here, and tells nobody when it has.
                time.sleep(2.5)
                continue
            def ask(side):
                return side.call(caller, method, request(side) if callable(request) else request, *more)
            want, got = ask(theirs), ask(ours)
            if record:
                with open(f"{record}/{self._testMethodName}.jsonl", "a") as f:
                    text = request if not callable(request) else "(depends on the run)"
                    f.write(json.dumps({"caller": caller, "method": method, "request": text,
                                        "answers": want}) + "\n")
            with self.subTest(number=n, caller=caller, method=method,
                              request="function" if callable(request) else str(request)[:300]):
                differ += want != got
                self.assertEqual(want, got, "SPIRE's answer first")
        print(f"    {len(calls)} calls, {differ} differ")

    def test_who_may_call_what(self):
        calls = []
        for service, methods in METHODS.items():
            for method in methods:
                for caller in ("nobody", "agent", "local"):
                    if (method, caller) in (("CreateJoinToken", "local"), ("PostStatus", "agent")):
                        continue  # an empty request of these changes something
                    calls.append((caller, f"{service}/{method}", {}))
        self.compare(calls)

    def test_local_authorities(self):
        """Each method in each state it may be called in: the whole life of an authority."""
        service = "localauthority.v1.LocalAuthority/"
        steps = []
        for kind in ("X509", "JWT"):
            seen = {}  # side -> {word: authority ID}

            def learn(side, kind=kind, seen=seen):
                """What the server says of its authorities, before the call that uses it."""
                answer = side.ask(service + f"Get{kind}AuthorityState", {})
                known = seen.setdefault(side.impl, {})
                for word in ("active", "prepared", "old"):
                    if word in answer:
                        known[word] = answer[word]["authorityId"]
                known.setdefault("first", known.get("active"))
                return known

            def on(what, word, kind=kind, learn=learn):
                return ("local", service + f"{what}{kind}Authority",
                        lambda side: {"authority_id": learn(side).get(word, word)})

            def plain(what, kind=kind):
                return ("local", service + f"{what}{kind}Authority" + ("State" if what == "Get" else ""), {})
            steps += [plain("Get")]
            for what in ("Activate", "Taint", "Revoke"):
                steps += [plain(what), on(what, "nothing-of-this-name"), on(what, "active")]
            steps += [plain("Prepare"), plain("Get"), on("Taint", "prepared"), on("Revoke", "prepared"),
                      plain("Prepare"), plain("Get"), on("Activate", "prepared"), plain("Get"),
                      on("Activate", "active"), on("Activate", "old"), on("Revoke", "old"),
                      on("Taint", "active"), on("Taint", "old"), on("Taint", "old"),
                      ("local", "bundle.v1.Bundle/GetBundle", {"output_mask": {"refresh_hint": True}}),
                      on("Revoke", "active"), on("Revoke", "old"), on("Revoke", "old"), on("Taint", "old"),
                      plain("Get"), plain("Prepare"), plain("Get")]
        for what in ("Taint", "Revoke"):
            steps += [("local", service + f"{what}X509UpstreamAuthority", {"subject_key_id": key})
                      for key in ("", "AB")]
        self.compare(steps)

    def test_local_authorities_without_jwt_svids(self):
        service = "localauthority.v1.LocalAuthority/"
        self.over = {"server": {"disable_jwt_svids": True}}
        self.compare([("local", service + method, {}) for method in METHODS[service[:-1]]
                      if "JWT" in method])

    def test_trust_domains(self):
        service = "trustdomain.v1.TrustDomain/"
        web = {"trust_domain": "web.org", "bundle_endpoint_url": "https://web.invalid/b?c=d",
               "https_web": {}}
        spiffe = {"trust_domain": "spiffe.org", "bundle_endpoint_url": "https://127.0.0.1:1",
                  "https_spiffe": {"endpoint_spiffe_id": "spiffe://spiffe.org/server"}}

        def create(*items, **more):
            return ("local", service + "BatchCreateFederationRelationship",
                    {"federation_relationships": list(items), **more})

        def update(*items, **more):
            return ("local", service + "BatchUpdateFederationRelationship",
                    {"federation_relationships": list(items), **more})

        def listed(**more):
            return ("local", service + "ListFederationRelationships", more)

        def get(name, **more):
            return ("local", service + "GetFederationRelationship", {"trust_domain": name, **more})

        def delete(*names):
            return ("local", service + "BatchDeleteFederationRelationship", {"trust_domains": list(names)})

        def refresh(name):
            return ("local", service + "RefreshBundle", {"trust_domain": name})

        def with_bundle(relationship, domain, **more):
            def request(side):
                bundle = side.ask("bundle.v1.Bundle/GetBundle", {})
                bundle = {"trustDomain": domain, "x509Authorities": bundle["x509Authorities"],
                          "refreshHint": "60", "sequenceNumber": "3"}
                return {"federation_relationships": [{**relationship, "trustDomainBundle": bundle}], **more}
            return request
        calls = [
            listed(), listed(page_size=2), get("web.org"), get(""), get("b ad"), get("spiffe://web.org"),
            get("example.org"), create(), update(), delete(), refresh(""), refresh("b ad"),
            refresh("none.org"), refresh("example.org"),
            create(web, spiffe), create(web), create({**web, "trust_domain": "spiffe://second.org"}),
            # One bad item never fails the others.
            create({**web, "trust_domain": "third.org"}, {}, {**web, "trust_domain": "example.org"},
                   {**web, "trust_domain": "fourth.org"}),
            create({**web, "trust_domain": "masked.org"}, output_mask={"bundle_endpoint_url": True}),
            create({**spiffe, "trust_domain": "masked2.org"}, output_mask={"bundle_endpoint_profile": True}),
            create({**web, "trust_domain": "masked3.org"}, output_mask={}),
        ]
        for n, url in enumerate(("", "http://x", "x", "https://", "https:///p", "https:x", "https://u@x",
                                 "https://u:p@x/", "HTTPS://upper.invalid/", "https://x:1/p#f",
                                 "https://x:abc/", "https://a b/")):
            calls.append(create({**web, "trust_domain": f"url{n}.org", "bundle_endpoint_url": url}))
        for n, profile in enumerate(({}, {"https_spiffe": {}}, {"https_spiffe": {"endpoint_spiffe_id": "x"}},
                                     {"https_spiffe": {"endpoint_spiffe_id": "spiffe://third.org/any"}},
                                     {"https_spiffe": {"endpoint_spiffe_id": "spiffe://third.org"}})):
            calls.append(create({"trust_domain": f"profile{n}.org",
                                 "bundle_endpoint_url": "https://x.invalid", **profile}))
        calls += [
            ("local", service + "BatchCreateFederationRelationship",
             with_bundle({**spiffe, "trust_domain": "bundled.org"}, "bundled.org")),
            ("local", service + "BatchCreateFederationRelationship",
             with_bundle({**web, "trust_domain": "mismatch.org"}, "other.org")),
            create({**web, "trust_domain": "badbundle.org", "trust_domain_bundle": {
                "trust_domain": "badbundle.org", "x509_authorities": [{"asn1": "AAAA"}]}}),
            get("bundled.org"), get("bundled.org", output_mask={"trust_domain_bundle": True}),
            get("bundled.org", output_mask={}),
            ("local", "bundle.v1.Bundle/GetFederatedBundle", {"trust_domain": "bundled.org"}),
            listed(), listed(page_size=3), listed(page_size=3, page_token="3"),
            listed(page_size=3, page_token="99"), listed(page_size=3, page_token="nonsense"),
            listed(page_size=-1), listed(output_mask={"bundle_endpoint_url": True}), listed(output_mask={}),
            update({**web, "bundle_endpoint_url": "https://changed.invalid"}), get("web.org"),
            update({**spiffe, "trust_domain": "web.org"}, input_mask={"bundle_endpoint_profile": True}),
            update({**web, "bundle_endpoint_url": "https://again.invalid"},
                   input_mask={"bundle_endpoint_url": True}, output_mask={"bundle_endpoint_url": True}),
            get("web.org"), update(web, input_mask={}),
            # The whole message is looked at, whatever the mask says.
            update({"trust_domain": "web.org", "bundle_endpoint_url": "https://x.invalid"},
                   input_mask={"bundle_endpoint_url": True}),
            update({**web, "trust_domain": "none.org"}), update({**web, "trust_domain": "b ad"}),
            update({**web, "trust_domain": "example.org"}),
            ("local", service + "BatchUpdateFederationRelationship", with_bundle(web, "web.org")),
            ("local", service + "BatchUpdateFederationRelationship",
             with_bundle({**spiffe, "trust_domain": "third.org"}, "third.org",
                         input_mask={"bundle_endpoint_profile": True})),
            get("web.org"), get("third.org"),
            delete("web.org", "web.org", "none.org", "", "b ad", "spiffe://third.org", "example.org"),
            get("web.org"), ("local", "bundle.v1.Bundle/GetFederatedBundle", {"trust_domain": "web.org"}),
            refresh("web.org"), listed(),
        ]
        self.compare(calls)

    def test_entries(self):
        call = "entry.v1.Entry/"
        many = [entry(n) for n in range(1, 8)]
        base = {"spiffe_id": td("/x"), "parent_id": td("/host"),
                "selectors": [{"type": "a", "value": "b"}]}

        def create(**change):
            return ("local", call + "BatchCreateEntry", {"entries": [{**base, **change}]})
        calls = [
            ("local", call + "BatchCreateEntry", {"entries": many}),
            # One bad item never fails the others.
            ("local", call + "BatchCreateEntry", {"entries": [
                entry(20), {"spiffe_id": td("bad path")}, entry(1), entry(21, x509_svid_ttl=-1),
                entry(22, hint="x" * 1025), entry(23, federates_with=["nosuch.org"]), entry(24)]}),
            ("local", call + "BatchCreateEntry", {"entries": [entry(30)], "output_mask": {"spiffe_id": True}}),
            ("local", call + "BatchCreateEntry", {"entries": []}),
            ("local", call + "ListEntries", {}),
            ("local", call + "ListEntries", {"output_mask": {"spiffe_id": True, "selectors": True}}),
            ("local", call + "ListEntries", {"output_mask": {}}),
            ("local", call + "ListEntries", {"page_size": 3}),
            ("local", call + "ListEntries", {"page_size": 3, "page_token": "3"}),
            ("local", call + "ListEntries", {"page_size": 3, "page_token": "99"}),
            ("local", call + "ListEntries", {"page_token": "nonsense", "page_size": 3}),
            ("local", call + "ListEntries", {"page_size": -1}),
            ("local", call + "CountEntries", {}),
            ("local", call + "GetEntry", {"id": "e1"}),
            ("local", call + "GetEntry", {"id": "e1", "output_mask": {"hint": True}}),
            ("local", call + "GetEntry", {"id": ""}),
            ("local", call + "GetEntry", {"id": "none"}),
            ("local", call + "BatchUpdateEntry", {"entries": [{"id": "e1", "x509_svid_ttl": 99}],
                                                  "input_mask": {"x509_svid_ttl": True}}),
            ("local", call + "BatchUpdateEntry", {"entries": [{"id": "e1", "hint": "h", "admin": True}],
                                                  "input_mask": {"hint": True}, "output_mask": {"hint": True}}),
            ("local", call + "BatchUpdateEntry", {"entries": [{"id": "e1", "selectors": []}],
                                                  "input_mask": {"selectors": True}}),
            ("local", call + "BatchUpdateEntry", {"entries": [{"id": "none", "hint": "h"}],
                                                  "input_mask": {"hint": True}}),
            ("local", call + "BatchUpdateEntry", {"entries": [entry(2)]}),
            ("local", call + "GetEntry", {"id": "e1"}),
            ("local", call + "BatchDeleteEntry", {"ids": ["e3", "none", "", "e4"]}),
            ("wait", "", ""),
            ("agent", call + "GetAuthorizedEntries", {}),
            ("agent", call + "GetAuthorizedEntries", {"output_mask": {"spiffe_id": True}}),
            ("agent", call + "SyncAuthorizedEntries", {}),
            ("agent", call + "SyncAuthorizedEntries", {"output_mask": {"spiffe_id": True}}),
            ("agent", call + "SyncAuthorizedEntries", '{}\n{"ids": ["e1", "none"]}'),
        ]
        for filter_ in (
                {"by_spiffe_id": td("/w/1")}, {"by_parent_id": td("/host")}, {"by_spiffe_id": td("bad path")},
                {"by_selectors": {"selectors": [{"type": "unix", "value": "uid:1"}], "match": "MATCH_EXACT"}},
                {"by_selectors": {"selectors": [{"type": "unix", "value": "uid:1"},
                                                {"type": "unix", "value": "uid:2"}], "match": "MATCH_ANY"}},
                {"by_selectors": {"selectors": [], "match": "MATCH_EXACT"}},
                {"by_selectors": {"selectors": [{"type": "", "value": "x"}], "match": "MATCH_ANY"}},
                {"by_federates_with": {"trust_domains": ["other.org"], "match": "MATCH_ANY"}},
                {"by_federates_with": {"trust_domains": [], "match": "MATCH_ANY"}},
                {"by_federates_with": {"trust_domains": ["BAD"], "match": "MATCH_ANY"}},
                {"by_hint": "h"}, {"by_hint": ""}, {"by_downstream": True}, {"by_downstream": False}):
            calls += [("local", call + "ListEntries", {"filter": filter_}),
                      ("local", call + "CountEntries", {"filter": filter_})]
        for change in ({"spiffe_id": None}, {"parent_id": None}, {"selectors": []},
                       {"selectors": [{"type": "a:b", "value": "c"}]}, {"selectors": [{"type": "", "value": "c"}]},
                       {"selectors": [{"type": "a", "value": ""}]}, {"spiffe_id": td("")}, {"spiffe_id": td("/")},
                       {"spiffe_id": td("/a//b")}, {"spiffe_id": td("/a/../b")}, {"spiffe_id": td("/a/./b")},
                       {"spiffe_id": td("/a/")}, {"spiffe_id": td("a")}, {"spiffe_id": td("/ä")},
                       {"spiffe_id": td("/a%20b")}, {"spiffe_id": td("/spire/agent/x")},
                       {"spiffe_id": td("/spire/server")}, {"spiffe_id": td("/spire")},
                       {"spiffe_id": {"trust_domain": "EXAMPLE.org", "path": "/x"}},
                       {"spiffe_id": {"trust_domain": "", "path": "/x"}},
                       {"spiffe_id": {"trust_domain": "example.org:80", "path": "/x"}},
                       {"spiffe_id": {"trust_domain": "spiffe://example.org", "path": "/x"}},
                       {"dns_names": [""]}, {"dns_names": ["a", "a"]}, {"dns_names": ["-bad"]},
                       {"dns_names": ["x" * 64 + ".org"]}, {"dns_names": ["ok.example.org", "b..ad"]},
                       {"x509_svid_ttl": -1}, {"jwt_svid_ttl": -1}, {"id": "with space"}, {"id": "x" * 300},
                       {"id": "ok_id-1.2"}, {"federates_with": ["example.org"]}, {"federates_with": ["a b"]},
                       {"hint": "y" * 1024}, {"expires_at": 1}, {"store_svid": True},
                       {"store_svid": True, "selectors": [{"type": "a", "value": "b"}, {"type": "c", "value": "d"}]},
                       {"revision_number": 7}, {"created_at": 5}):
            calls.append(create(**change))
        self.compare(calls)

    def test_svids(self):
        def csr(side, *flags):
            return side.case.probe("csr", *flags)[1][0]["csr"]

        def mint(*flags, **more):
            return ("local", "svid.v1.SVID/MintX509SVID", lambda side: {"csr": csr(side, *flags), **more})

        def new(entry_id, *flags):
            return ("agent", "svid.v1.SVID/BatchNewX509SVID",
                    lambda side: {"params": [{"entry_id": entry_id, "csr": csr(side, *flags)}]})
        good = ["-spiffe-id", "spiffe://example.org/m"]
        calls = [
            ("local", "entry.v1.Entry/BatchCreateEntry", {"entries": [
                entry(1), entry(2, parent_id=td("/elsewhere")), entry(3, dns_names=["a.example.org"])]}),
            # SPIRE signs for any key that Go can read; ours refuses the weak and the odd ones, which
            # tests/integration/hostile looks at.
            mint(*good), mint(*good, "-key", "p384"), mint(*good, "-key", "rsa2048"),
            mint(*good, ttl=60), mint(*good, ttl=-5), mint(*good, ttl=10**9), mint(),
            mint("-spiffe-id", "spiffe://other.org/m"), mint("-spiffe-id", "https://example.org/m"),
            mint("-spiffe-id", "spiffe://example.org"),
            mint(*good, "-dns", "b.example.org"), mint(*good, "-dns", "-bad"),
            mint(*good, "-fault", "signature"), mint(*good, "-fault", "truncated"),
            mint(*good, "-fault", "garbage"),
            ("local", "svid.v1.SVID/MintX509SVID", {}),
            ("wait", "", ""),
            new("e1"), new("e3"), new("e2"), new("none"), new(""), new("e1", "-fault", "signature"),
            new("e1", "-fault", "garbage"),
            ("agent", "svid.v1.SVID/BatchNewX509SVID", {"params": []}),
            ("agent", "svid.v1.SVID/BatchNewX509SVID", {"params": [{"entry_id": "e1"}]}),
            ("agent", "svid.v1.SVID/NewJWTSVID", {"entry_id": "e1", "audience": ["a", "b"]}),
            ("agent", "svid.v1.SVID/NewJWTSVID", {"entry_id": "e1", "audience": []}),
            ("agent", "svid.v1.SVID/NewJWTSVID", {"entry_id": "e2", "audience": ["a"]}),
            ("agent", "svid.v1.SVID/NewJWTSVID", {"entry_id": "", "audience": ["a"]}),
            ("local", "svid.v1.SVID/MintJWTSVID", {"id": td("/m"), "audience": ["a"], "ttl": 30}),
            ("local", "svid.v1.SVID/MintJWTSVID", {"id": td("/m"), "audience": []}),
            ("local", "svid.v1.SVID/MintJWTSVID", {"id": td(""), "audience": ["a"]}),
            ("local", "svid.v1.SVID/MintJWTSVID", {"audience": ["a"]}),
            ("agent", "svid.v1.SVID/NewDownstreamX509CA", lambda side: {"csr": csr(side, *good)}),
        ]
        self.compare(calls)

    WIT_KEYS = {  # alg -> a public key that goes with it, DER
        "ES256": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEH9pD7THDvlzcIqPQnuxAeLmEDiib/+Qwuij8nyTDkhc7CiMsLxMr"
                 "+Hlyut4+eIp8lBILSXYuCm9ITuEax+hj3A==",
        "ES384": "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEWvgYrHIKulVZ0V4u4s9djS2EENYVnOKESAociXsM8leVKLPhN7iK+Ct/"
                 "F3036xDG71BHaloAkgoykbzOR9Ys7YNIevK64B0fRWMyHhIJWGNPxdI96uLfd8Nw883r/TS3",
    }

    def wit_calls(self):
        svid, keys = "svid.v1.SVID/", self.WIT_KEYS

        def mint(**request):
            return ("local", svid + "MintWITSVID", request)

        def new(*params):
            return ("agent", svid + "BatchNewWITSVID", {"params": list(params)})
        p256, p384 = keys["ES256"], keys["ES384"]
        return [
            ("local", "entry.v1.Entry/BatchCreateEntry", {"entries": [
                entry(1, x509_svid_ttl=100), entry(2, parent_id=td("/elsewhere"))]}),
            mint(), mint(id=td("/a")), mint(id=td("/a"), public_key=p256),
            mint(id=td("/a"), public_key=p256, signing_algorithm="none"),
            mint(id=td("/a"), public_key=p256, signing_algorithm="ES384"),
            mint(public_key=p256, signing_algorithm="ES256"),
            mint(id=td(""), public_key=p256, signing_algorithm="ES256"),
            mint(id=td("/spire/x"), public_key=p256, signing_algorithm="ES256"),
            mint(id={"trust_domain": "other.org", "path": "/a"}, public_key=p256, signing_algorithm="ES256"),
            mint(id=td("/a"), public_key=p256, signing_algorithm="ES256"),
            mint(id=td("/a"), public_key=p384, signing_algorithm="ES384", ttl=60),
            mint(id=td("/a"), public_key=p256, signing_algorithm="ES256", ttl=-5),
            mint(id=td("/a"), public_key="AAAA", signing_algorithm="ES256"),
            ("wait", "", ""),
            new(), new({}), new({"entry_id": "e1"}), new({"entry_id": "none"}),
            new({"entry_id": "e1", "public_key": "AAAA"}), new({"entry_id": "none", "public_key": p256}),
            new({"entry_id": "e2", "public_key": p256, "signing_algorithm": "ES256"}),
            new({"entry_id": "e1", "public_key": p256}),
            new({"entry_id": "e1", "public_key": p256, "signing_algorithm": "ES512"}),
            # One bad item never fails the others.
            new({"entry_id": "e1", "public_key": p256, "signing_algorithm": "ES256"}, {},
                {"entry_id": "e1", "public_key": p384, "signing_algorithm": "ES384"}),
            ("local", "bundle.v1.Bundle/GetBundle", {}),
            ("local", "bundle.v1.Bundle/GetBundle", {"output_mask": {"wit_authorities": True}}),
        ]

    def test_wit_svids(self):
        self.over = {"server": {"experimental": {"feature_flags": ["wit-svid"],
                                                 "cache_reload_interval": "1s"}}}
        self.compare(self.wit_calls())

    def test_wit_svids_without_the_feature(self):
        self.compare(self.wit_calls())

    def test_servers_below(self):
        """What a downstream server may do, and how it is refused."""
        svid, bundle, key = "svid.v1.SVID/", "bundle.v1.Bundle/", self.WIT_KEYS["ES256"]

        def ca(*flags, **more):
            return ("down", svid + "NewDownstreamX509CA",
                    lambda side: {"csr": side.case.probe("csr", *flags)[1][0]["csr"], **more})

        def publish(**authority):
            return ("down", bundle + "PublishJWTAuthority", {"jwt_authority": authority})
        own = ["-spiffe-id", "spiffe://example.org"]
        self.compare([
            ("down", svid + "NewDownstreamX509CA", {}), ("down", svid + "NewDownstreamX509CA", {"csr": "AAAA"}),
            ca("-fault", "signature"), ca("-fault", "truncated"), ca("-fault", "garbage"),
            ca(), ca(*own), ca(*own, preferred_ttl=60), ca(*own, preferred_ttl=-60),
            ca(*own, preferred_ttl=2000000000), ca(*own, "-key", "p384"),
            ("down", bundle + "PublishJWTAuthority", {}), publish(), publish(key_id="k"),
            publish(public_key=key), publish(key_id="k", public_key="AAAA"),
            publish(key_id="k", public_key=key, expires_at="1895428238"),
            publish(key_id="k", public_key=key, expires_at="1895428238"),
            publish(key_id="k", public_key=self.WIT_KEYS["ES384"], expires_at="1895428238"),
            publish(key_id="t", public_key=key, tainted=True),
            ("local", bundle + "GetBundle", {}),
            ("down", bundle + "PublishWITAuthority", {}),
            ("down", "entry.v1.Entry/GetAuthorizedEntries", {}),
            ("down", "entry.v1.Entry/ListEntries", {}),
            ("down", "localauthority.v1.LocalAuthority/GetX509AuthorityState", {}),
        ])

    def test_agents_and_bundles(self):
        def own(side):
            return {"trust_domain": "example.org", "path": side.agent_id.removeprefix("spiffe://example.org")}
        agent, bundle = "agent.v1.Agent/", "bundle.v1.Bundle/"
        calls = [
            ("local", agent + "ListAgents", {}),
            ("local", agent + "ListAgents", {"output_mask": {"attestation_type": True}}),
            ("local", agent + "ListAgents", {"page_size": 1}),
            ("local", agent + "ListAgents", {"page_size": 1, "page_token": "x"}),
            ("local", agent + "ListAgents", {"filter": {"by_banned": True}}),
            ("local", agent + "ListAgents", {"filter": {"by_can_reattest": False}}),
            ("local", agent + "ListAgents", {"filter": {"by_attestation_type": "join_token"}}),
            ("local", agent + "ListAgents", {"filter": {"by_expires_before": "nonsense"}}),
            ("local", agent + "ListAgents", {"filter": {"by_selector_match": {
                "selectors": [{"type": "a", "value": "b"}], "match": "MATCH_ANY"}}}),
            ("local", agent + "ListAgents", {"filter": {"by_selector_match": {"selectors": []}}}),
            ("local", agent + "CountAgents", {"filter": {"by_banned": False}}),
            ("local", agent + "GetAgent", lambda side: {"id": own(side)}),
            ("local", agent + "GetAgent", lambda side: {"id": own(side), "output_mask": {"banned": True}}),
            ("local", agent + "GetAgent", {"id": td("/spire/agent/none")}),
            ("local", agent + "GetAgent", {"id": td("/workload")}),
            ("local", agent + "CreateJoinToken", {"ttl": 0}),
            ("local", agent + "CreateJoinToken", {"ttl": -1}),
            ("local", agent + "CreateJoinToken", {"ttl": 60, "token": "chosen-by-the-caller"}),
            ("local", agent + "CreateJoinToken", {"ttl": 60, "token": "chosen-by-the-caller"}),
            ("local", agent + "CreateJoinToken", {"ttl": 60, "agent_id": td("/alias"), "token": "with-alias"}),
            ("local", agent + "CreateJoinToken", {"ttl": 60, "agent_id": td("/spire/agent/x")}),
            ("local", agent + "CreateJoinToken", {"ttl": 60, "agent_id": {"trust_domain": "b.org", "path": "/x"}}),
            ("local", agent + "CreateJoinToken", {"ttl": 60, "token": "a b/c"}),
            ("agent", agent + "PostStatus", {"current_bundle_serial": 1, "agent_version": "9.9"}),
            ("local", agent + "GetAgent", lambda side: {"id": own(side)}),
            ("agent", agent + "RenewAgent", {}),
            ("agent", agent + "RenewAgent", {"params": {"csr": "AAAA"}}),
            ("nobody", agent + "AttestAgent", {}),
            ("nobody", agent + "AttestAgent", {"params": {}}),
            ("nobody", agent + "AttestAgent", {"params": {"data": {"type": "nosuch", "payload": "AAAA"},
                                                          "params": {"csr": "AAAA"}}}),
            ("nobody", agent + "AttestAgent", {"params": {"data": {"type": "join_token", "payload": "AAAA"},
                                                          "params": {"csr": "AAAA"}}}),
            ("nobody", agent + "AttestAgent", {"params": {"data": {"type": "join_token"},
                                                          "params": {"csr": "AAAA"}}}),
            ("nobody", agent + "AttestAgent", lambda side: {"params": {
                "data": {"type": "join_token", "payload": "dW5rbm93bg=="},
                "params": {"csr": side.case.probe("csr")[1][0]["csr"]}}}),
            ("nobody", agent + "AttestAgent", {"challenge_response": "AAAA"}),
            ("nobody", bundle + "GetBundle", {}),
            ("agent", bundle + "GetBundle", {"output_mask": {"refresh_hint": True}}),
            ("local", bundle + "CountBundles", {}),
            ("local", bundle + "AppendBundle", {}),
            ("local", bundle + "AppendBundle", {"x509_authorities": [{"asn1": "AAAA"}]}),
            ("local", bundle + "AppendBundle", {"jwt_authorities": [{"key_id": "k", "public_key": "AAAA"}]}),
            ("local", bundle + "BatchCreateFederatedBundle", {"bundle": [{"trust_domain": "other.org"}]}),
            ("local", bundle + "BatchCreateFederatedBundle", {"bundle": [
                {"trust_domain": "other.org"}, {"trust_domain": "example.org"}, {"trust_domain": "b ad"},
                {"trust_domain": "third.org", "refresh_hint": "60", "sequence_number": "5"}]}),
            ("local", bundle + "BatchUpdateFederatedBundle", {"bundle": [
                {"trust_domain": "third.org", "refresh_hint": "90"}, {"trust_domain": "none.org"}],
                "input_mask": {"refresh_hint": True}}),
            ("local", bundle + "BatchSetFederatedBundle", {"bundle": [
                {"trust_domain": "fourth.org", "x509_authorities": [{"asn1": "AAAA"}]},
                {"trust_domain": "fifth.org"}]}),
            ("local", bundle + "ListFederatedBundles", {}),
            ("local", bundle + "ListFederatedBundles", {"page_size": 1}),
            ("local", bundle + "ListFederatedBundles", {"output_mask": {}}),
            ("local", bundle + "GetFederatedBundle", {"trust_domain": "third.org"}),
            ("agent", bundle + "GetFederatedBundle", {"trust_domain": "third.org"}),
            ("local", bundle + "GetFederatedBundle", {"trust_domain": "example.org"}),
            ("local", bundle + "GetFederatedBundle", {"trust_domain": "none.org"}),
            ("local", bundle + "GetFederatedBundle", {"trust_domain": ""}),
            ("local", bundle + "BatchDeleteFederatedBundle", {"trust_domains": ["other.org", "none.org", "",
                                                                                "example.org"]}),
            ("local", agent + "BanAgent", lambda side: {"id": own(side)}),
            ("agent", "entry.v1.Entry/GetAuthorizedEntries", {}),
            ("local", agent + "GetAgent", lambda side: {"id": own(side)}),
            ("local", agent + "DeleteAgent", lambda side: {"id": own(side)}),
            ("local", agent + "DeleteAgent", lambda side: {"id": own(side)}),
            ("agent", "entry.v1.Entry/GetAuthorizedEntries", {}),
            ("local", agent + "BanAgent", {"id": td("/spire/agent/none")}),
            ("local", agent + "DeleteAgent", {}),
        ]
        self.compare(calls)


if __name__ == "__main__":
    unittest.main()
