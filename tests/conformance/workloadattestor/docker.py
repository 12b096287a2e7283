#!/usr/bin/env python3
"""Runs the suite on workloadattestor-docker: in no container, and in one (by its cgroup) of an engine that answers or hangs.

  docker.py SUITE PLUGIN
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from harness.docker_engine import ID, Engine, writable_cgroup  # noqa: E402


def run(suite, plugin, socket, *more, cgroup=None, engine=None):
    config = json.dumps({"docker_socket_path": f"unix://{socket}"})

    def move():
        if cgroup:
            (cgroup / "cgroup.procs").write_text("0")
        if engine:  # before the program asks
            os.write(ready, b"%d" % os.getpid())
    reads, ready = os.pipe()
    child = subprocess.Popen([suite, "--plugin", plugin, "--config", config, *more], preexec_fn=move)
    if engine:
        engine.containers[ID] = {"Id": ID, "Image": "sha256:aa", "State": {"Pid": int(os.read(reads, 20))}, "Config": {
            "Image": "db:1", "Labels": {"app": "db"}, "Env": ["ROLE=main", "ROLE=main"]}}
    code = child.wait()
    os.close(reads)
    os.close(ready)
    if code:
        sys.exit(code)


def main():
    suite, plugin = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="sgt-") as folder:
        socket = f"{folder}/docker.sock"
        run(suite, plugin, socket)
        made = writable_cgroup()
        if made is None:
            print("no cgroup to be had: not run within a container")
            return
        cgroup = made / f"docker-{ID}.scope"
        cgroup.mkdir()
        try:
            engine = Engine(socket)
            try:
                run(suite, plugin, socket, "--tells", "env:ROLE=main", cgroup=cgroup, engine=engine)
                engine.hang = True
                run(suite, plugin, socket, "--hangs", "yes", cgroup=cgroup)
            finally:
                engine.close()
        finally:
            cgroup.rmdir()
            made.rmdir()


main()
