"""The rows that calls of the server's API have to cover (tests/interop/api/rows.txt)."""

import collections
import re

from . import descriptors, paths

FILE = paths.ROOT / "tests" / "interop" / "api" / "rows.txt"
CODES = {"OK": 0, "UNKNOWN": 2, "INVALID_ARGUMENT": 3, "NOT_FOUND": 5, "ALREADY_EXISTS": 6, "PERMISSION_DENIED": 7,
         "FAILED_PRECONDITION": 9, "UNIMPLEMENTED": 12, "INTERNAL": 13}


def methods():
    """{"Agent/GetAgent": "spire.api.server.agent.v1.Agent/GetAgent", ...}: all that a server has."""
    services = {**descriptors.services("spire-server"), "grpc.health.v1.Health": ["Check", "List", "Watch"]}
    return {f"{service.rpartition('.')[2]}/{method}": f"{service}/{method}"
            for service, names in services.items() for method in names}


class Row(collections.namedtuple("Row", "method name code sign words")):
    """One thing that a method has to be asked."""

    def problem(self, request, answers):
        """Why this exchange with SPIRE does not show what the row says, or None.

        request: as text; answers: the probe's lines, the last with the status.
        """
        if self.code == "OK":
            if not re.search(self.sign, request, re.S):
                return f"the request has no {self.sign!r}"
            if answers[-1]["code"] != "OK":
                return f"the answer is {answers[-1]}"
            items = [r for a in answers[:-1] for r in (a["answer"] or {}).get("results", [])]
            good = [r for r in items if r.get("status", {}).get("code", 0) == 0]
            return "no item of the batch is OK" if items and not good else None
        said = [(CODES.get(_upper(answers[-1]["code"]), -1), answers[-1]["message"])]
        for line in answers[:-1]:
            said += [(r["status"].get("code", 0), r["status"].get("message", ""))
                     for r in (line["answer"] or {}).get("results", []) if "status" in r]
        if any(code == CODES[self.code] and re.search(self.sign, text) for code, text in said):
            return None
        return f"no {self.code} with {self.sign!r} among {said}"


def _upper(name):
    """grpc-go's InvalidArgument as INVALID_ARGUMENT."""
    return name if name == "OK" else re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


def read(file=FILE):
    """{(method, row name): Row} in the file's order."""
    rows, here, every = {}, [], list(methods())
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("["):
            names = line.strip("[]").split()
            here = [m for m in every if m not in names[2:]] if names[:2] == ["*", "but"] else names
            unknown = [n for n in names if "/" in n and n not in every]
            assert not unknown, f"{file.name}:{number}: no method {unknown}"
            continue
        name, code, sign, words = (part.strip() for part in line.split("|"))
        assert code in CODES or code in "-@", f"{file.name}:{number}: no code {code}"
        for method in here:
            assert (method, name) not in rows, f"{file.name}:{number}: {method} has {name} already"
            rows[method, name] = Row(method, name, code, sign, words)
    return rows
