# SPDX-License-Identifier: Apache-2.0
"""Makes folders and signed bundles of modules, and serves them on a loopback port."""

import contextlib
import functools
import http.server
import json
import subprocess
import threading

import yaml

from service_process import program

FILTER = '''#include "config.gen.hh"
#include "u0/console.hh"
namespace u0::SCOPE {
void start();
void start() { log("NAME guards port {}", cfg::SCOPE::port); }
}
'''


def write_module(folder, name="packet-filter", version="1.2.0", source=None, **more):
    """A security module that has an option and says so when the image starts."""
    scope = name.replace("-", "_")
    (folder / name).mkdir(parents=True, exist_ok=True)
    manifest = {"name": name, "version": version, "kind": "security", "summary": "Drops frames",
                "license": "Apache-2.0", "requires": ["console"],
                "options": {"port": {"type": "int", "minimum": 1, "maximum": 65535, "default": 80, "help": "kept"}},
                "platforms": {"u0": {"sources": ["filter.cc"], "hooks": {"boot.init": f"u0::{scope}::start"}}}, **more}
    (folder / name / "module.yaml").write_text(yaml.safe_dump(manifest))
    (folder / name / "filter.cc").write_text(source or FILTER.replace("SCOPE", scope).replace("NAME", name))
    return folder


def make_keys(folder, name="modules"):
    """Private and public key, in PEM form."""
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    return private, public


def pack(modules, bundle, key):
    """Makes the bundle and its signature; answers the digest."""
    done = subprocess.run([program("unikernel"), "repository", "pack", modules, "--key", key, "--output", bundle,
                           "--json"], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["digest"]


def section(name, **keys):
    return f"[repository:{name}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


@contextlib.contextmanager
def served(folder):
    """URL of the folder, as long as the context lasts."""
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
