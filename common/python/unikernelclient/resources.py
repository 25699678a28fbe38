# SPDX-License-Identifier: Apache-2.0
"""One class for each resource of the REST API. What they take and answer is the API's JSON, decoded."""

import itertools
import json
import time
import urllib.parse

import requests

from unikernelclient import exceptions
from unikernelclient.transport import BLOCK_BYTES

PAGE_MOST = 1000  # items in one answer
RECONNECT_SECONDS = (0.5, 1, 2, 4, 8, 15, 30)  # pauses before the event stream is given up


class _Resource:
    path = key = None

    def __init__(self, transport):
        self._http = transport

    def _at(self, name, *below):
        """The path of one item."""
        return "/".join((self.path, urllib.parse.quote(str(name), safe=":"), *below))

    def _list(self, limit=None, all_projects=False, **params):
        """At most ``limit`` items; all_projects is for administrators."""
        if limit is not None:
            params["limit"] = min(limit, PAGE_MOST)
        if all_projects:
            params["all_projects"] = "true"
        return list(itertools.islice(self._http.items(self.path, self.key, **params), limit))

    def _get(self, name):
        return self._http.json("GET", self._at(name))

    def _delete(self, name, **params):
        self._http.request("DELETE", self._at(name), params=params)


class Bundles(_Resource):
    path = "/v1/bundles"

    def create(self, file, size=None):
        """Uploads a tar archive (plain, gzip, zstd) from an open binary file; answers its digest."""
        return self._http.upload(self.path, file, size)["digest"]


class Builds(_Resource):
    path, key = "/v1/builds", "builds"

    def create(self, bundle, spec=None, requirements=(), boot_check=True, publish=None):
        """Submits a build; answers it at once, or the earlier one of the same request.

        bundle: digest. spec: else the bundle's unikernel.yaml. requirements: names of stored ones, and documents.
        publish: {"name", "id" (UUID, optional), "visibility"}: makes a Glance image.
        """
        body = {"bundle": bundle, "requirements": list(requirements), "boot_check": boot_check}
        if spec is not None:
            body["spec"] = spec
        if publish is not None:
            body["publish"] = publish
        return self._http.json("POST", self.path, json=body)

    def get(self, build_id):
        return self._get(build_id)

    def list(self, limit=None, all_projects=False):
        """Newest first."""
        return self._list(limit, all_projects)

    def cancel(self, build_id):
        """Does nothing to a build that has ended."""
        self._delete(build_id)

    def events(self, build_id, start=1):
        """Yields the events from number ``start`` to the end event, as they happen. If the connection breaks, or
        the service starts again, it goes on where it was; Unavailable after a minute in vain."""
        pauses = iter(RECONNECT_SECONDS)
        while True:
            failure = None
            try:
                for line in self._http.lines(self._at(build_id, "events"), {"from": start}):
                    event = json.loads(line)
                    start, pauses = event["n"] + 1, iter(RECONNECT_SECONDS)
                    yield event
                    if event["kind"] == "end":
                        return
            except exceptions.Unavailable as error:
                failure = error
            pause = next(pauses, None)
            if pause is None:
                raise failure or exceptions.Unavailable(
                    0, "events.no-end", f"the events of build {build_id} break off before number {start}")
            time.sleep(pause)

    def wait(self, build_id, on_event=None):
        """Waits for the end; answers the build, whatever its state. on_event: called with each event."""
        for event in self.events(build_id):
            if on_event:
                on_event(event)
        return self._get(build_id)


class Images(_Resource):
    """Finished artifacts, by digest ("sha256:...")."""

    path, key = "/v1/images", "images"

    def get(self, digest):
        return self._get(digest)

    def list(self, limit=None, all_projects=False):
        return self._list(limit, all_projects)

    def delete(self, digest, project=None, all_projects=False):
        """From the own project; an administrator names another one, or all."""
        named = {"project": project, "all_projects": "true" if all_projects else None}
        self._delete(digest, **{name: value for name, value in named.items() if value is not None})

    def release(self, digest, holder):
        """Drops what ``create`` with this holder has put there; the image stays while others hold it."""
        self._delete(digest, holder=holder)

    def create(self, file, size=None, holder=None):
        """Uploads a finished artifact from an open binary file; the service checks it. Answers the image.

        holder: the id of the Glance image whose bytes they are; they stay at least until it is released.
        """
        return self._http.upload(self.path, file, size, **({"holder": holder} if holder else {}))

    def data(self, digest, offset=0, chunk_size=BLOCK_BYTES):
        """(iterator of bytes from ``offset`` on, total bytes of the image). Unavailable if it breaks off early; what
        arrived is not checked against the digest."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        response = self._http.stream(self._at(digest, "file"), headers=headers)
        if response.status_code == 206:
            total = int(response.headers["Content-Range"].rpartition("/")[2])
        elif not offset:
            total = int(response.headers["Content-Length"])
        else:
            response.close()
            raise exceptions.Unavailable(0, "range.ignored", "what answers, or a proxy before it, ignores Range")
        return _blocks(response, total - offset, chunk_size), total


def _blocks(response, size, chunk_size):
    try:
        for block in response.iter_content(chunk_size):
            size -= len(block)
            yield block
    except requests.RequestException as error:
        raise exceptions.Unavailable(0, "service.no-answer", f"the image broke off: {error}") from error
    finally:
        response.close()
    if size:
        raise exceptions.Unavailable(0, "service.no-answer", f"the image broke off {size} bytes before its end")


class Modules(_Resource):
    path, key = "/v1/modules", "modules"

    def list(self):
        return self._list()

    def get(self, name):
        """The manifest with its options."""
        return self._get(name)


class Platforms(_Resource):
    path, key = "/v1/platforms", "platforms"

    def list(self):
        return self._list()


class Requirements(_Resource):
    """Security requirements that the service keeps and merges into every build they apply to.

    With ``dry_run`` nothing is stored; the answer is {"requirement", "changes"}: what would change. With a
    domain's id it is just that domain's one, whatever the project sees (administrators)."""

    path, key = "/v1/requirements", "requirements"

    def create(self, document, everywhere=False, dry_run=False, domain=None):
        """Stores one under its document's name. For all projects (everywhere) or those of a domain:
        administrators."""
        body = {"document": document}
        if everywhere:
            body["project"] = None
        if domain:
            body["domain"] = domain
        return self._http.json("POST", self.path, json=body, params=_query(dry_run))

    def list(self, limit=None, all_projects=False):
        return self._list(limit, all_projects)

    def get(self, name, domain=None):
        """The newest revision."""
        return self._http.json("GET", self._at(name), params=_query(domain=domain))

    def revisions(self, name, domain=None):
        """All of them, newest first, also if the requirement was deleted."""
        return self.history(name, domain)[self.key]

    def history(self, name, domain=None):
        """The same, with whether they are as they were stored: {"requirements": [...], "intact", "problem"}."""
        return self._http.json("GET", self._at(name), params={"revisions": "true", **_query(domain=domain)})

    def update(self, name, document, dry_run=False, domain=None):
        """Makes a new revision; the older ones stay."""
        return self._http.json("PUT", self._at(name), json={"document": document}, params=_query(dry_run, domain))

    def delete(self, name, dry_run=False, domain=None):
        """Answers nothing, unless it is a dry run."""
        if dry_run:
            return self._http.json("DELETE", self._at(name), params=_query(dry_run, domain))
        self._http.request("DELETE", self._at(name), params=_query(domain=domain))
        return None


def _query(dry_run=False, domain=None):
    return {**({"dry_run": "true"} if dry_run else {}), **({"domain": domain} if domain else {})}


class Rollouts(_Resource):
    """New images on their way to the servers that have to run them."""

    path, key = "/v1/rollouts", "rollouts"

    def get(self, rollout_id):
        return self._get(rollout_id)

    def list(self, limit=None, all_projects=False, state=None):
        """Newest first; of one state if it is given."""
        return self._list(limit, all_projects, **({"state": state} if state else {}))

    def pause(self, rollout_id):
        """What was begun with a server is finished; no further one is touched."""
        self._act(rollout_id, "pause")

    def resume(self, rollout_id):
        self._act(rollout_id, "resume")

    def abort(self, rollout_id):
        """For good; servers that were replaced already stay so."""
        self._act(rollout_id, "abort")

    def _act(self, rollout_id, action):
        self._http.request("POST", self._at(rollout_id, "action"), json={action: None})


class Compliance(_Resource):
    """Which servers run what is wanted of them."""

    path = "/v1/compliance"

    def get(self, all_projects=False):
        """The report. all_projects: for administrators."""
        return self._http.json("GET", self.path, params=self._params(all_projects))

    def page(self, all_projects=False):
        """The report as a page for people: the bytes of an HTML file."""
        return self._http.request("GET", self.path, params=self._params(all_projects),
                                  headers={"Accept": "text/html"}).content

    @staticmethod
    def _params(all_projects):
        return {"all_projects": "true"} if all_projects else {}
