"""Commands that run against two implementations, and whether both gave the same.

A step is (command, exit code, standard output, standard error), masked so that only what must be
equal is left.
"""

import difflib
import os
import pathlib
import re

from .mask import Masker


def usage_masked(text):
    """Of a usage text the command and the flags count; how they are explained is each one's own."""
    head, usage, tail = text.partition("Usage of ")
    if not usage:
        return text
    lines = tail.splitlines()
    return head + usage + lines[0] + "\n" + "\n".join(
        sorted(line.split()[0] for line in lines[1:] if line.startswith("  -")))


def _record(name, steps):
    if folder := os.environ.get("SIGNET_TEST_RECORD"):
        pathlib.Path(folder).mkdir(exist_ok=True)
        (pathlib.Path(folder) / f"{name}.txt").write_text("\n".join(
            f"$ {s[0]}\nexit {s[1]}\n{s[2]}--- stderr\n{s[3]}" for s in steps))


def compare_steps(case, what, want, got):
    """Fails the test at each step in which `got` differs from `want`, SPIRE's."""
    _record(f"{what}-want", want)
    _record(f"{what}-got", got)
    case.assertEqual([w[0] for w in want], [g[0] for g in got])
    bad = 0
    for w, g in zip(want, got):
        with case.subTest(command=w[0]):
            bad += w != g
            if w != g:
                theirs, ours = (f"exit {s[1]}\n{s[2]}\n--- stderr\n{s[3]}\n" for s in (w, g))
                case.fail("differs from SPIRE's:\n" + "".join(difflib.unified_diff(
                    theirs.splitlines(True), ours.splitlines(True), "SPIRE", "Signet")))
    print(f"    {len(want)} commands, {bad} differ")


# JSON keys whose values differ between two servers, and lines of the pretty form.
_JSON_FIELDS = re.compile(
    r'"(expires_at|issued_at|created_at|x509svid_expires_at|x509svid_serial_number|asn1|public_key|key_id|'
    r'private_key|svid|token|x|y|kid|uptime|sequence_number|spiffe_sequence|authority_id)":\s*("[^"]{2,}"|[1-9]\d*)')
_JSON_LISTS = re.compile(r'"(x509_svid|root_cas|x5c|cert_chain)":\s*\[\s*"[^\]]*\]')
_PRETTY = re.compile(r"^((?:Serial number|Expiration time|  Authority ID|  Uptime)\s*: ).+$", re.M)
# The numbers of a private JWK, which may stand inside of a JSON string.
_JWK = re.compile(r'(\\?")(x|y|d|n|p|q|dp|dq|qi)\1:\1[\w-]{20,}\1')


def _masked(text, mask):
    text = _JWK.sub(r"\1\2\1:\1<\2>\1", text)
    text = _JSON_FIELDS.sub(r'"\1":"<\1>"', text)
    text = _JSON_LISTS.sub(r'"\1":["<\1>"]', text)
    text = _PRETTY.sub(r"\1<masked>", text)
    return mask.text(usage_masked(text))


class ServerSteps:
    """Commands on one server by one command line, and what each gave."""

    def __init__(self, case, server, cli, env=None):
        self.case, self.server, self.cli = case, server, cli
        self.env = env
        self.steps = []
        self.mask = Masker(folder=server.folder, port=server.port)

    def step(self, *words, stdin="", loose=False, ignore=None):
        """loose: of the error only that there is one; its text is a library's.
        ignore: lines of the output that match this do not count."""
        result = self.server.cli(*words, impl=self.cli, stdin=stdin, env=self.env)
        raw = result.out
        out = _masked(result.out, self.mask)
        err = _masked(result.err, self.mask)
        if ignore:
            out = re.sub(ignore, "", out, flags=re.M)
        if loose:
            err = re.sub(r"^Error: .+", "Error: <reason>", err, flags=re.S)
        name = re.sub(r"(-authorityID) \S{32,}", r"\1 <id>", " ".join(str(w) for w in words))
        self.steps.append((self.mask.text(name), result.code, out, err))
        return raw

    def both(self, *words, **kw):
        """The step in each output form."""
        n = next((i for i, w in enumerate(words) if str(w).startswith("-")), len(words))
        self.step(*words, **kw)
        self.step(*words[:n], "-output", "json", *words[n:], **kw)
