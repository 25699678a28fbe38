# SPDX-License-Identifier: Apache-2.0
"""A Glance in this process which fails where a test wants it to.

It keeps the rules of the real one that publishing rests on (test_publishing_real.py has the real one): the
states queued, saving and active, ids that are never given out twice, images of one owner, filters, hashes.
"""

import hashlib
import http.server
import json
import threading
import urllib.parse


class FakeGlance:
    """images: id -> everything that GET shows, and "data". steps: names of the requests so far, in order.

    hook(step, when): called before ("before") and after ("after") a request is carried out; answers None, a status
    to refuse with, or "drop" to cut the connection without an answer. A step is "list", "get", "create", "upload",
    "update" or "delete".
    """

    def __init__(self):
        self.images, self.used_ids, self.steps, self.requests = {}, set(), [], []
        self.hook = lambda step, when: None
        self.lock = threading.Lock()
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def serve(self):
                fake.serve(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def add(self, image_id, **values):
        """An image that is there already."""
        self.used_ids.add(image_id)
        self.images[image_id] = {"id": image_id, "status": "active", "os_hidden": False, "size": 0,
                                 "created_at": "2020-01-01T00:00:00Z", "data": b"", **values}

    def serve(self, handler):
        url = urllib.parse.urlsplit(handler.path)
        parts = url.path.strip("/").split("/")  # v2/images[/<id>[/file]]
        image_id = parts[2] if len(parts) > 2 else None
        step = {"GET": "get" if image_id else "list", "POST": "create", "PUT": "upload", "PATCH": "update",
                "DELETE": "delete"}[handler.command]
        self.requests.append((step, dict(handler.headers)))
        length = int(handler.headers.get("Content-Length", 0))
        refusal = self.hook(step, "before")
        if refusal == "drop":
            handler.close_connection = True
            handler.connection.close()
            return
        body = handler.rfile.read(length)
        if len(body) < length:
            return
        self.steps.append(step)
        if refusal is None:
            with self.lock:
                status, answer = getattr(self, "_" + step)(image_id, body, dict(urllib.parse.parse_qsl(url.query)))
        else:
            status, answer = refusal, {"message": "the test wants it so"}
        if self.hook(step, "after") == "drop":
            handler.close_connection = True
            handler.connection.close()
            return
        text = b"" if answer is None else json.dumps(answer).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    @staticmethod
    def _shown(image):
        return {name: value for name, value in image.items() if name != "data"}

    def _list(self, _, __, query):
        wanted = {name: value for name, value in query.items() if name not in ("limit", "marker")}

        def fits(image):
            return all(str(image.get(name, "")).lower() == value.lower() for name, value in wanted.items())

        newest_first = sorted(filter(fits, self.images.values()), key=lambda image: image["created_at"], reverse=True)
        begin = [image["id"] for image in newest_first].index(query["marker"]) + 1 if "marker" in query else 0
        page = newest_first[begin:begin + int(query["limit"])]
        more = {"next": f"/v2/images?marker={page[-1]['id']}"} if begin + len(page) < len(newest_first) else {}
        return 200, {"images": [self._shown(image) for image in page], **more}

    def _get(self, image_id, *_):
        image = self.images.get(image_id)
        return (200, self._shown(image)) if image else (404, {"message": f"No image found with ID {image_id}"})

    def _create(self, _, body, __):
        image = json.loads(body)
        if image["id"] in self.used_ids:
            return 409, {"message": f"Image ID {image['id']} already exists!"}
        self.add(image["id"], **{**image, "status": "queued", "created_at": "2026-01-01T00:00:00Z"})
        return 201, self._shown(self.images[image["id"]])

    def _upload(self, image_id, body, _):
        image = self.images.get(image_id)
        if image is None:
            return 404, {"message": "gone"}
        if image["status"] != "queued":
            return 409, {"message": f"Image status transition from {image['status']} to saving is not allowed"}
        image.update(status="active", data=body, size=len(body), os_hash_algo="sha512",
                     os_hash_value=hashlib.sha512(body).hexdigest())
        return 204, None

    def _update(self, image_id, body, _):
        image = self.images.get(image_id)
        if image is None:
            return 404, {"message": "gone"}
        for change in json.loads(body):
            image[change["path"].strip("/")] = change["value"]
        return 200, self._shown(image)

    def _delete(self, image_id, *_):
        return (204, None) if self.images.pop(image_id, None) else (404, {"message": "gone"})
