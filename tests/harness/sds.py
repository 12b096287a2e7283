"""Envoy's SDS asked by the probe, which takes its messages from the peers' descriptors."""

import json

from . import paths
from .process import Process

TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"


def _descriptors(case):
    """A copy that other uids can read."""
    copy = case.folder / "envoy-sds.desc"
    if not copy.exists():
        copy.write_bytes((paths.ROOT / "tests" / "fixtures" / "wire" / "envoy-sds.desc").read_bytes())
        copy.chmod(0o644)
    return copy


def _script(lines):
    return "".join((json.dumps(x) if isinstance(x, dict) else x) + "\n" for x in lines)


def ask(case, agent, method, lines, *more, uid=None):
    """One call: its answers, and how it ended. lines: requests, and words as the probe's sds has them."""
    _, out = case.probe("sds", "-socket", agent.socket, "-descriptors", _descriptors(case), "-method", method, *more,
                        uid=uid, stdin=_script(lines))
    return [x["answer"] for x in out if "answer" in x], out[-1]


def watch(case, name, agent, method, lines, uid=None):
    """The same in the background, until the agent ends the call; read its lines with json_lines()."""
    script = case.folder / f"{name}.script"
    script.write_text(_script(lines))
    with open(script, "rb") as stdin:
        process = Process(name, [case.probe_path(), "sds", "-socket", agent.socket, "-descriptors", _descriptors(case),
                                 "-method", method, "-stay", "-timeout", "60s"],
                          case.folder / f"{name}.log", uid=uid, stdin=stdin)
    case.nodes.append(process)
    return process
