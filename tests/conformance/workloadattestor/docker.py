#!/usr/bin/env python3
"""Runs the suite on workloadattestor-docker: in no container, and in one (by its cgroup) of an engine that answers or hangs.

  docker.py SUITE PLUGIN
"""

import http.server
import json
import os
import pathlib
import socketserver
import subprocess
import sys
import tempfile
import threading

ID = "c0ffee00" * 8
ROOTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")


class Engine(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128
    first_pid, hangs = None, False

    def handle_error(self, *_):  # a caller that went away
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.server.hangs:
            threading.Event().wait(60)
            return
        body = json.dumps({"Id": ID, "Image": "sha256:aa", "State": {"Pid": self.server.first_pid}, "Config": {
            "Image": "db:1", "Labels": {"app": "db"}, "Env": ["ROLE=main", "ROLE=main"]}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "suite"

    def log_message(self, *_):
        pass


def new_cgroup():
    for root in ROOTS:
        if os.path.exists(f"{root}/cgroup.procs"):
            try:
                return pathlib.Path(tempfile.mkdtemp(prefix="signet-test-", dir=root))
            except OSError:
                pass
    return None


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
        engine.first_pid = int(os.read(reads, 20))
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
        made = new_cgroup()
        if made is None:
            print("no cgroup to be had: not run within a container")
            return
        cgroup = made / f"docker-{ID}.scope"
        cgroup.mkdir()
        try:
            with Engine(socket, Handler) as engine:
                threading.Thread(target=engine.serve_forever, args=(0.05,), daemon=True).start()
                run(suite, plugin, socket, "--tells", "env:ROLE=main", cgroup=cgroup, engine=engine)
                engine.hangs = True
                run(suite, plugin, socket, "--hangs", "yes", cgroup=cgroup)
                engine.shutdown()
        finally:
            cgroup.rmdir()
            made.rmdir()


main()
