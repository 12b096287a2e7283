"""What else the Workload API's socket has, and its settings, by SPIRE's agent and ours side by side: health, reflection,
services that are switched off, bundles for everybody, limits of SDS."""

import re
import unittest

from harness import h2, sds
from harness.case import TestCase, UID_A, UID_STRANGER, needs_root, needs_signet

TD = "spiffe://example.org"
HEALTH = "grpc.health.v1.Health"


@needs_root
@needs_signet
class Endpoint(TestCase):
    show_logs = False

    def setUp(self):
        self.server_ = self.server("spire")
        other = self.server_.must("bundle", "show", "-format", "spiffe").out
        self.server_.must("bundle", "set", "-id", "spiffe://other.org", "-format", "spiffe", stdin=other)
        self.server_.create_entry("/a", "/node", [f"unix:uid:{UID_A}"], "-federatesWith", "spiffe://other.org")

    def both(self, ask, **settings):
        """ask(agent) of both with these settings: SPIRE's and ours have to say the same."""
        said = []
        for impl in ("spire", "signet"):
            agent = self.agent(impl, self.server_, {"agent": settings})
            said.append(ask(agent))
            agent.stop()
        self.assertEqual(said[1], said[0], "SPIRE's answer second")
        return said[0]

    def bundles(self, agent, uid):
        out = []
        for method in ("FetchX509Bundles", "FetchJWTBundles", "FetchX509SVID"):
            line, = self.workload_call(agent, method, {}, uid)
            out.append((method, sorted(line["answer"]["bundles"]) if "answer" in line and "SVID" not in method
                        else line.get("code", "OK"), line.get("message", "")))
        return out

    def health(self, agent):
        out = []
        for method, request in (("Check", {}), ("Check", {"service": "SpiffeWorkloadAPI"}), ("Watch", {}), ("List", {})):
            answers, end = self.call(agent.socket, f"{HEALTH}/{method}", request)
            out.append((method, answers, end["code"], end["message"]))
        return out

    def reflection(self, agent):
        """The services that each version of it names; spiffe-probe does not know its messages."""
        out = []
        for version in ("v1", "v1alpha"):
            s = h2.connect(agent.socket)
            s.sendall(h2.PREFACE + h2.settings() + h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.headers(
                f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")) + h2.frame(
                    h2.DATA, h2.END_STREAM, 1, h2.message(b"\x3a\x01*")))  # list_services
            heard = h2.hear(s, lambda heard: heard.answer_to(1))
            answer = heard.bytes[heard.bytes.index(b"\x3a\x01*"):]
            out.append((version, sorted(set(re.findall(rb"(?:[a-z0-9]+\.)*[A-Z]\w+", answer)))))
        return out

    def test_health_and_reflection(self):
        def ask(agent):
            self.wait_ids(agent, [f"{TD}/a"], uid=UID_A)
            return self.health(agent), self.reflection(agent)
        health, reflection = self.both(ask)
        self.assertEqual(health[0][1:3], ([{"status": "SERVING"}], "OK"))
        self.assertEqual(health[1][2:], ("InvalidArgument", "per-service health is not supported"))
        self.assertIn(b"SpiffeWorkloadAPI", reflection[0][1])

    def test_bundles_for_everybody_when_the_settings_say_so(self):
        def ask(agent):
            self.wait_ids(agent, [f"{TD}/a"], uid=UID_A)
            return self.bundles(agent, UID_A), self.bundles(agent, UID_STRANGER)
        of_a, of_stranger = self.both(ask, allow_unauthenticated_verifiers=True)
        self.assertEqual(of_a[0][1], [TD, "spiffe://other.org"])
        self.assertEqual([got for _, got, _ in of_stranger], [[TD], [TD], "PermissionDenied"])
        _, of_stranger = self.both(ask)
        self.assertEqual({got for _, got, _ in of_stranger}, {"PermissionDenied"})

    def secrets(self, agent, method):
        words = [{"typeUrl": sds.TYPE, "resourceNames": ["ROOTCA"]}] + (["wait 1"] if method != "FetchSecrets" else [])
        answers, end = sds.ask(self, agent, method, words, uid=UID_A)
        return len(answers), end["code"], end["message"]

    def test_services_that_are_switched_off(self):
        def ask(agent):
            if "disable_sds_api" in agent.over["agent"]:
                self.wait_ids(agent, [f"{TD}/a"], uid=UID_A)
            return (self.workload_call(agent, "FetchX509Bundles", {}, UID_A)[0].get("message"),
                    self.secrets(agent, "FetchSecrets"), self.health(agent)[0], self.reflection(agent))
        workload, secrets, _, _ = self.both(ask, disable_sds_api=True)
        self.assertEqual((workload, secrets[1]), (None, "Unimplemented"))
        workload, secrets, health, _ = self.both(ask, disable_workload_api=True)
        self.assertIn("SpiffeWorkloadAPI", workload)
        self.assertEqual((secrets[1], health[1]), ("OK", [{"status": "SERVING"}]))

    def test_limits_of_sds(self):
        def ask(agent):
            said = []
            for method in ("StreamSecrets", "FetchSecrets"):
                for _ in range(20):  # a busy machine may need a second for each
                    got = self.secrets(agent, method)
                    if got[1] != "OK":
                        break
                said.append((method, got))
            return said
        said = self.both(ask, experimental={"ratelimit": {"stream_secrets": 1, "fetch_secrets": 1}})
        self.assertEqual([got[1] for _, got in said], ["Unavailable"] * 2, said)
        # SPIRE has no DeltaSecrets; it is no way around.
        agent = self.agent("signet", self.server_, {"agent": {"experimental": {"ratelimit": {"stream_secrets": 1}}}})
        codes = set()
        for _ in range(20):
            answers, end = sds.ask(self, agent, "DeltaSecrets", [{
                "typeUrl": sds.TYPE, "resourceNamesSubscribe": ["ROOTCA"]}, "wait 1"], uid=UID_A)
            codes.add(end["code"])
        self.assertIn("Unavailable", codes)


if __name__ == "__main__":
    unittest.main()
