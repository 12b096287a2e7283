"""What SPIRE's agent and ours answer to the same SDS requests of the same caller, side by side.

Both agents are of one SPIRE server and have the same entries. What is compared is everything but keys,
certificates' bytes, nonces and versions. Where ours differs on purpose, the answer wanted is here.
"""

import base64
import json
import re
import unittest

from harness import sds
from harness.case import TestCase, UID_A, UID_B, UID_STRANGER, needs_root, needs_signet
from harness.certificates import Certificate
from harness.process import wait_until
from harness.sds import TYPE

TD = "spiffe://example.org"


def node(**metadata):
    return {"node": {"id": "me", "metadata": metadata}}


def version(major, minor):
    return {"node": {"userAgentBuildVersion": {"version": {"majorNumber": major, "minorNumber": minor}}}}


def pem(data):
    """The labels of the blocks in base64 of PEM, each once after the other."""
    text = base64.b64decode(data).decode()
    assert text.endswith("-----\n") and max(map(len, text.splitlines())) == 64, text
    return re.findall("BEGIN ([A-Z ]+)", text)


def masked(value, key=None):
    """An answer without what differs from call to call."""
    if isinstance(value, dict):
        return {k: masked(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [masked(v) for v in value]
    if key == "inlineBytes":
        return pem(value)
    if key == "nonce":
        return re.sub("[0-9a-f]{8}", "<nonce>", value)
    if key == "versionInfo":
        return re.sub("[0-9]+", "<version>", value)
    return value


def secrets(answer):
    return sorted(answer.get("resources", []), key=lambda r: r["name"])


# Requests of the caller with two identities and two federated trust domains.
SAME = {
    "default": {"resourceNames": ["default"]},
    "by ID": {"resourceNames": [f"{TD}/b"]},
    "both SVIDs": {"resourceNames": ["default", f"{TD}/b"]},
    "ROOTCA": {"resourceNames": ["ROOTCA"]},
    "ALL": {"resourceNames": ["ALL"]},
    "own bundle": {"resourceNames": [TD]},
    "federated": {"resourceNames": ["spiffe://one.org", "spiffe://two.org"]},
    "everything": {},
    "empty names": {"resourceNames": ["", ""]},
    "empty names beside one": {"resourceNames": ["", "default", "default"]},
    "several kinds": {"resourceNames": ["default", "ROOTCA", "spiffe://two.org"]},
    "nobody": {"resourceNames": [f"{TD}/nobody"]},
    "some of it": {"resourceNames": ["default", "b\"c", "spiffe://none.org", "\u00e4\x07"]},
    "another type": {"resourceNames": ["ROOTCA"], "typeUrl": "type.googleapis.com/other"},
    "no type": {"resourceNames": ["ROOTCA"], "typeUrl": ""},
    "plain by bool": {"resourceNames": ["ROOTCA"], **node(disable_spiffe_cert_validation=True)},
    "plain by text": {"resourceNames": ["ROOTCA"], **node(disable_spiffe_cert_validation="T")},
    "not plain by text": {"resourceNames": ["ROOTCA"], **node(disable_spiffe_cert_validation="0")},
    "a number says nothing": {"resourceNames": ["ROOTCA"], **node(disable_spiffe_cert_validation=1)},
    "a word says nothing": {"resourceNames": ["ROOTCA"], **node(disable_spiffe_cert_validation="yes")},
    "Envoy 1.17": {"resourceNames": ["ROOTCA"], **version(1, 17)},
    "Envoy 1.18": {"resourceNames": ["ROOTCA"], **version(1, 18)},
    "Envoy 2.0": {"resourceNames": ["ROOTCA"], **version(2, 0)},
    "plain federated": {"resourceNames": ["spiffe://one.org"], **version(1, 17)},
    "ALL, plain": {"resourceNames": ["ALL"], **version(1, 17)},
}
# Of the caller without an identity.
SAME_OF_STRANGER = {
    "ROOTCA": {"resourceNames": ["ROOTCA"]},
    "ALL": {"resourceNames": ["ALL"]},
    "own bundle": {"resourceNames": [TD]},
    "everything": {},
    "default": {"resourceNames": ["default"]},
    "another's": {"resourceNames": [f"{TD}/a"]},
    "federated": {"resourceNames": ["spiffe://one.org"]},
}
# Names that are refused by SPIRE together, with its words; ours serves them all.
REFUSED = "workload is not authorized for the requested identities"
OURS = {
    "ROOTCA and ALL": (["ROOTCA", "ALL"], f'{REFUSED} ["ALL"]'),
    "own ID and ROOTCA": ([TD, "ROOTCA"], f'{REFUSED} ["ROOTCA"]'),
    "all three names": (["ALL", "ROOTCA", TD], f'{REFUSED} ["ALL" "ROOTCA"]'),
    "default and its ID": (["default", f"{TD}/a"], f'{REFUSED} ["default"]'),
}


@needs_root
@needs_signet
class Answers(TestCase):
    def setUp(self):
        self.node = self.server("spire")
        other = self.folder / "other"
        for name in ("one", "two"):
            ca = Certificate(other, name, f"URI:spiffe://{name}.org")
            self.node.must("bundle", "set", "-id", f"spiffe://{name}.org", "-path", ca.pem)
        self.node.create_entry("/a", "/node", [f"unix:uid:{UID_A}"], "-entryID", "a",
                               "-federatesWith", "spiffe://two.org", "-federatesWith", "spiffe://one.org")
        self.node.create_entry("/b", "/node", [f"unix:uid:{UID_A}"], "-entryID", "b")
        self.node.create_entry("/single", "/node", [f"unix:uid:{UID_B}"])
        self.agents = {impl: self.agent(impl, self.node) for impl in ("spire", "signet")}
        for agent in self.agents.values():
            self.wait_ids(agent, [f"{TD}/a", f"{TD}/b"], uid=UID_A)
            self.wait_ids(agent, [f"{TD}/single"], uid=UID_B)

    def sds(self, impl, method, lines, uid, *more):
        return sds.ask(self, self.agents[impl], method, lines, *more, uid=uid)

    def one(self, impl, method, request, uid):
        """A call with one request: (masked answer with its resources by name, code, message)."""
        request = {"typeUrl": TYPE, **request}
        answers, end = self.sds(impl, method, [request] + (["wait 1"] if method != "FetchSecrets" else []), uid)
        answer = masked(answers[0]) if answers else {}
        return {**answer, "resources": secrets(answer)}, end["code"], end["message"]

    def compare(self, requests, uid):
        for name, request in requests.items():
            for method in ("FetchSecrets", "StreamSecrets"):
                with self.subTest(name, method=method, uid=uid):
                    spire = self.one("spire", method, request, uid)
                    self.assertEqual(self.one("signet", method, request, uid), spire)
                    self.assertTrue(spire[0]["resources"] or spire[1] != "OK", "it shows something")

    def test_side_by_side(self):
        # One deployment for all: it takes longer to start than to ask.
        for check in (self.answers_are_equal, self.what_is_asked_for_twice_is_served, self.a_stream_is_steered_alike,
                      self.half_close_ends_a_stream_well, self.delta_is_ours_alone, self.an_entry_that_goes_ends_the_stream):
            with self.subTest(check.__name__):
                check()

    def answers_are_equal(self):
        self.compare(SAME, UID_A)
        self.compare(SAME_OF_STRANGER, UID_STRANGER)

    def what_is_asked_for_twice_is_served(self):
        for name, (names, words) in OURS.items():
            for method in ("FetchSecrets", "StreamSecrets"):
                with self.subTest(name, method=method):
                    self.assertEqual(self.one("spire", method, {"resourceNames": names}, UID_A)[1:],
                                     ("InvalidArgument", words))
                    ours, code, message = self.one("signet", method, {"resourceNames": names}, UID_A)
                    self.assertEqual((code, message), ("OK", ""))
                    self.assertEqual([r["name"] for r in ours["resources"]], sorted(names))
                    for resource in ours["resources"]:
                        alone, _, _ = self.one("signet", method, {"resourceNames": [resource["name"]]}, UID_A)
                        self.assertEqual(alone["resources"], [resource])

    def a_stream_is_steered_alike(self):
        def ask(*names, **more):
            return {"typeUrl": TYPE, "resourceNames": names, **more}
        script = [ask("default"), "wait 1",
                  ask("default", versionInfo="1", responseNonce="$nonce"), "quiet 200ms",
                  ask("ROOTCA", versionInfo="1", responseNonce="bad"), "quiet 200ms",
                  ask("default", responseNonce="$nonce", errorDetail={"message": "no"}), "quiet 200ms",
                  ask("default", "ROOTCA", responseNonce="$nonce", errorDetail={"message": "no"}), "wait 2",
                  ask(TD, versionInfo="1", responseNonce="$nonce", **version(1, 17)), "wait 3",
                  ask("ROOTCA", versionInfo="1", responseNonce="$nonce"), "wait 4",
                  ask("ALL", versionInfo="1", responseNonce="$nonce"), "wait 5"]
        seen = {}
        for impl in self.agents:
            answers, end = self.sds(impl, "StreamSecrets", script, UID_A)
            self.assertEqual(len({a["nonce"] for a in answers}), len(answers))
            self.assertEqual(len({a["versionInfo"] for a in answers}), 1)
            seen[impl] = [{**masked(a), "resources": secrets(masked(a))} for a in answers], end["code"], end["message"]
        self.assertEqual(seen["signet"], seen["spire"])
        self.assertEqual(seen["spire"][1], "Internal")

    def half_close_ends_a_stream_well(self):
        for impl in self.agents:
            answers, end = self.sds(impl, "StreamSecrets",
                                    [{"typeUrl": TYPE, "resourceNames": ["default"]}, "wait 1", "close"], UID_A, "-stay")
            self.assertEqual((len(answers), end["code"]), (1, "OK"), impl)

    def an_entry_that_goes_ends_the_stream(self):
        streams = {}
        for impl, agent in self.agents.items():
            streams[impl] = sds.watch(self, f"stream-{impl}", agent, "StreamSecrets",
                                      [{"typeUrl": TYPE, "resourceNames": [f"{TD}/single"]}], UID_B)
        for stream in streams.values():
            wait_until("an answer", lambda stream=stream: self.json_lines(stream))
        listed = json.loads(self.node.must("entry", "show", "-spiffeID", f"{TD}/single", "-output", "json").out)
        self.node.must("entry", "delete", "-entryID", listed["entries"][0]["id"])
        for impl, stream in streams.items():
            stream.wait_exit(30)
            last = self.json_lines(stream)[-1]
            self.assertEqual((last["code"], last["message"]),
                             ("InvalidArgument", f'{REFUSED} ["{TD}/single"]'), impl)

    def delta_is_ours_alone(self):
        request = {"typeUrl": TYPE, "resourceNamesSubscribe": ["default", "ROOTCA", f"{TD}/nobody"]}
        _, end = self.sds("spire", "DeltaSecrets", [request, "wait 1"], UID_A)
        self.assertEqual((end["code"], end["message"]), ("Unimplemented", "Method is not implemented"))
        again = {"typeUrl": TYPE, "responseNonce": "$nonce"}
        answers, end = self.sds("signet", "DeltaSecrets",
                                [request, "wait 1", {**again, "errorDetail": {"message": "no"}}, "quiet 200ms",
                                 {**again, "resourceNamesSubscribe": [TD]}, "wait 2"], UID_A)
        self.assertEqual(end["code"], "OK", end)
        first, second = answers
        self.assertEqual([r["name"] for r in secrets(first)], ["ROOTCA", "default"])
        self.assertEqual(first["removedResources"], [f"{TD}/nobody"])
        self.assertEqual([r["name"] for r in secrets(second)], [TD])
        # Each resource is what StreamSecrets has under this name.
        state, _, _ = self.one("signet", "StreamSecrets", {"resourceNames": ["default", "ROOTCA"]}, UID_A)
        self.assertEqual([masked(r["resource"]) for r in secrets(first)], state["resources"])


if __name__ == "__main__":
    unittest.main()
