# SPDX-License-Identifier: Apache-2.0
"""A service that answers what a test gives it, for clients' views of servers that are not there.

What it answers here is checked against openapi.yaml, as the answers of the real service are
(test_service_compliance.py).
"""

import http.server
import json
import pathlib
import threading

import jsonschema
import yaml

OPENAPI = pathlib.Path(__file__).resolve().parents[2] / "builder_service" / "api" / "openapi.yaml"
HOSTILE = '<script>alert("x")</script>\x1b[31m'

SERVERS = [
    {"id": "11111111-1111-4111-8111-111111111111", "name": "web-1", "project": "p1", "line": "web",
     "image": "sha256:" + "1" * 64, "image_id": "21111111-1111-4111-8111-111111111111",
     "build": "31111111-1111-4111-8111-111111111111", "status": "ACTIVE", "known": True, "pinned": False,
     "compliant": True,
     "reason": "its image is what is wanted", "since": "2026-05-03T00:00:00Z", "not_after": "2026-07-01T00:00:00Z",
     "requirements": [{"name": "tls-only", "project": "p1", "revision": 2, "fulfilled": True, "fulfilled_revision": 2,
                       "since": "2026-05-01T00:00:00Z"}], "rollout": None},
    {"id": "12222222-2222-4222-8222-222222222222", "name": HOSTILE, "project": "p1", "line": "web",
     "image": "sha256:" + "2" * 64, "image_id": None, "build": "32222222-2222-4222-8222-222222222222",
     "status": "ACTIVE", "known": True, "pinned": True, "compliant": False,
     "reason": "requirement tls-only, revision 2, is not met: its image was made under revision 1",
     "since": "2026-05-01T00:00:00Z", "not_after": None,
     "requirements": [{"name": "tls-only", "project": "p1", "revision": 2, "fulfilled": False, "fulfilled_revision": 1,
                       "since": "2026-05-01T00:00:00Z"}], "rollout": "41111111-1111-4111-8111-111111111111"}]

REPORT = {"generated": "2026-06-01T00:00:00Z", "compliant": False, "servers": SERVERS,
          "lines": [{"project": "p1", "name": "web", "build": "31111111-1111-4111-8111-111111111111",
                     "plan_digest": "sha256:" + "3" * 64, "wanted_plan_digest": "sha256:" + "4" * 64,
                     "not_after": None, "outdated": True, "reason": "its plan is another"}]}

ROLLOUT = {"id": "41111111-1111-4111-8111-111111111111", "project": "p1", "name": "web", "state": "paused",
           "reason": "paused by its owner", "cause": "requirement tls-only, revision 2",
           "requirements": [{"requirement": "tls-only", "revision": 2}],
           "from_build": "51111111-1111-4111-8111-111111111111", "build": "31111111-1111-4111-8111-111111111111",
           "image": "sha256:" + "1" * 64, "image_id": "21111111-1111-4111-8111-111111111111",
           "plan_digest": "sha256:" + "4" * 64, "created": "2026-05-01T00:00:00.000Z",
           "updated": "2026-05-03T00:00:00.000Z",
           "servers": [{"id": SERVERS[0]["id"], "name": "web-1", "state": "replaced", "from_image": "old",
                        "started": "2026-05-02T00:00:00.000Z", "ended": "2026-05-03T00:00:00.000Z",
                        "downtime_ms": 812, "error": ""},
                       {"id": SERVERS[1]["id"], "name": HOSTILE, "state": "pending", "from_image": "old",
                        "started": "", "ended": "", "downtime_ms": 0, "error": ""},
                       {"id": "1", "name": "web-3", "state": "pinned", "from_image": "old", "started": "", "ended": "",
                        "downtime_ms": 0, "error": ""}]}

REQUIREMENT = {"name": "tls-only", "revision": 2, "project": "p1", "domain": None, "deleted": False,
               "document": {"name": "tls-only", "description": "TLS", "applies_to": {"everything": True},
                            "modules": {"console": {"speed": 9600}}},
               "created": "2026-05-01T00:00:00.000Z", "author": "ann", "author_project": "p1", "request_id": "req-1"}

DRY_RUN = {"requirement": REQUIREMENT, "changes": [
    {"project": "p1", "name": "web", "build": "31111111-1111-4111-8111-111111111111", "image": "sha256:" + "1" * 64,
     "image_id": None, "from": None, "outcome": "rebuild",
     "reason": "it applies to everything; 1 module added, 1 option changed",
     "modules": [{"name": "console", "version": "1.0.0", "change": "changed", "reason": "asked for by spec",
                  "options": {"speed": {"from": 115200, "to": 9600, "sources": ["requirement tls-only"]}}},
                 {"name": "tls", "version": "2.0.0", "change": "added", "reason": "asked for by requirement tls-only",
                  "options": {"port": {"from": None, "to": 443, "sources": ["requirement tls-only"]}}},
                 {"name": "old", "version": "1.0.0", "change": "removed", "reason": "nothing asks for it any more",
                  "options": {}},
                 {"name": "power", "version": "1.0.0", "change": "kept", "reason": "asked for by spec",
                  "options": {}}],
     "servers": [{"id": SERVERS[0]["id"], "name": "web-1"}, {"id": SERVERS[1]["id"], "name": HOSTILE}]},
    {"project": "p1", "name": "db", "build": "31111111-1111-4111-8111-111111111111", "image": "sha256:" + "1" * 64,
     "image_id": None, "from": None, "outcome": "unresolvable",
     "reason": "tls conflicts with plain", "modules": [], "servers": []}]}


def check_schema(name, document):
    """That the document is what openapi.yaml says of components/schemas/<name>."""
    root = yaml.safe_load(OPENAPI.read_text())
    jsonschema.Draft4Validator({**_json_schema(root), "$ref": f"#/components/schemas/{name}"}).validate(document)


def _json_schema(value):
    """OpenAPI 3.0's "nullable" in the words of JSON Schema."""
    if isinstance(value, list):
        return [_json_schema(item) for item in value]
    if not isinstance(value, dict):
        return value
    schema = {key: _json_schema(item) for key, item in value.items()}
    if schema.pop("nullable", None) is True and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    return schema


class CannedService:
    """answers: "METHOD /path" (without the query) -> JSON, or text of a page. requests: (method, target, body)."""

    def __init__(self, answers):
        self.requests = []
        canned = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                canned.requests.append((self.command, self.path, json.loads(body) if body else None))
                html = "text/html" in self.headers.get("Accept", "")
                answer = answers.get(f"{self.command} {self.path.partition('?')[0]}" + (" html" if html else ""))
                missing = {"errors": [{"status": 404, "code": "canned.not-found", "detail": "it is not there"}]}
                data = (answer if isinstance(answer, str) else json.dumps(answer or missing)).encode()
                self.send_response(404 if answer is None else 200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = serve

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def everything():
    """A service with one requirement, its rollout and two servers."""
    rollout = "/v1/rollouts/" + ROLLOUT["id"]
    return CannedService({
        "GET /v1/compliance": REPORT, "GET /v1/compliance html": "<!DOCTYPE html><title>c</title>",
        "GET /v1/rollouts": {"rollouts": [ROLLOUT], "links": []}, f"GET {rollout}": ROLLOUT,
        f"POST {rollout}/action": ROLLOUT, "GET /v1/requirements/tls-only": REQUIREMENT,
        "GET /v1/requirements": {"requirements": [REQUIREMENT], "links": []},
        "PUT /v1/requirements/tls-only": DRY_RUN, "POST /v1/requirements": DRY_RUN,
        "DELETE /v1/requirements/tls-only": DRY_RUN})
