"""A container engine of the test's own, and cgroups to put processes into."""

import http.server
import json
import os
import pathlib
import socketserver
import tempfile
import threading

ID = "c0ffee00" * 8


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked += 1
        if self.server.hang:
            self.server.ending.wait(60)
            return
        kind, name = self.path.split("/")[1:3]
        found = self.server.containers.get(name) if kind == "containers" else {"Id": "sha256:" + "ab" * 32}
        body = json.dumps(found or {"message": "no such container"}).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "caller"

    def log_message(self, *_):
        pass


class Engine(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Docker's API, as far as the attestor asks it: `containers` by ID, each as the API has it. hang: it answers nothing.
    asked: how often."""
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path):
        self.containers, self.hang, self.ending, self.asked = {}, False, threading.Event(), 0
        super().__init__(str(path), Handler)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self):
        self.ending.set()
        self.shutdown()
        self.thread.join()
        self.server_close()

    def handle_error(self, *_):  # a caller that went away
        pass


def writable_cgroup():
    """A new folder of the cgroup file system, or None where this test may make none."""
    for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if os.path.exists(f"{root}/cgroup.procs"):
            try:
                return pathlib.Path(tempfile.mkdtemp(prefix="signet-test-", dir=root))
            except OSError:
                pass
    return None
