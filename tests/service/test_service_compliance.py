# SPDX-License-Identifier: Apache-2.0
"""The compliance report and the servers of a dry run, by the stub builder and the servers its file names; the page
in a real browser."""

import html.parser
import json
import os
import re
import shutil
import subprocess
import threading
import time

import pytest

from canned_service import check_schema
from service_process import Service, wait_until

HOSTILE = "<script>document.title = 'taken over'; console.error('x')</script> \"'&\u202e"
BROWSER_SECONDS = 120


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service whose loop leaves everything to the tests; its servers: `servers(service, ...)`."""
    folder = tmp_path_factory.mktemp("compliance")
    (folder / "service.conf").write_text("[reconcile]\nenabled = false\n")
    running = Service(folder, "--workers", "1", "--config", folder / "service.conf").start()
    yield running
    assert running.stop() == 0


def servers(service, *entries):
    """Each a (name, image, more keys)."""
    (service.folder / "stub-servers.json").write_text(json.dumps(
        [{"id": f"id-{number}", "name": name, "image": image, **more}
         for number, (name, image, more) in enumerate(entries)]))


def document(name, image, **modules):
    return {"name": name, "applies_to": {"images": [image]}, "modules": modules}


def built(service, name, image_bytes=4):
    build = service.wait_for(service.submit(name, image_bytes=image_bytes).json["id"])
    assert build["state"] == "succeeded", build
    return build


def report(service):
    answer = service.get("/v1/compliance")
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == "application/json"
    check_schema("Compliance", answer.json)
    return answer.json


@pytest.fixture
def silent_servers(tmp_path):
    """A service whose servers are not listed before somebody writes them; ended afterwards."""
    (tmp_path / "service.conf").write_text("[reconcile]\nenabled = false\n")
    os.mkfifo(tmp_path / "stub-servers.json")
    running = Service(tmp_path, "--config", tmp_path / "service.conf").start()
    yield running
    running.kill()


def test_those_who_wait_for_servers_leave_room_for_others(silent_servers):
    service, answers = silent_servers, []
    waiting = [threading.Thread(target=lambda: answers.append(service.get("/v1/compliance")), daemon=True)
               for _ in range(12)]
    for thread in waiting:
        thread.start()
    wait_until(lambda: len(answers) == 9)
    refused = service.post_json("/v1/requirements?dry_run=true",
                                {"document": document("r", "web", console={"speed": 9600})})
    assert service.get("/v1/builds").status == 200
    for answer in [*answers, refused]:
        assert (answer.status, answer.error["code"]) == (503, "looks-at-servers.too-many")
        assert int(answer.headers["Retry-After"]) > 0
    for number in range(10, 13):
        (service.folder / "stub-servers.json").write_text("[]")
        wait_until(lambda expected=number: len(answers) == expected)
    assert [answer.status for answer in answers[9:]] == [200, 200, 200]


@pytest.fixture(scope="module")
def outdated(service):
    """Two servers run an image, then comes a requirement, and a third server runs an image that meets it."""
    old = built(service, "web")
    assert service.post_json("/v1/requirements", {"document": document("slow", "web", console={"speed": 9600})}
                             ).status == 201
    new = built(service, "web", 5)
    servers(service, ("web-1", old["image"], {}), (HOSTILE, old["image"], {"pinned": True}),
            ("web-3", new["image"], {}), ("elsewhere", "sha256:" + "0" * 64, {}))
    return old, new


def test_says_of_each_server_whether_it_runs_what_is_wanted(service, outdated):
    old, new = outdated
    whole = report(service)
    assert whole["compliant"] is False
    first, pinned, third = whole["servers"]
    assert (first["name"], first["compliant"]) == ("web-1", False)
    assert (first["image"], first["build"]) == (old["image"], old["id"])
    assert first["reason"] == "requirement slow, revision 1, is not met: its image was made without it"
    requirement = service.get("/v1/requirements/slow").json
    assert first["requirements"] == [{"name": "slow", "project": "", "revision": 1, "fulfilled": False,
                                      "fulfilled_revision": None, "since": requirement["created"][:19] + "Z"}]
    assert report(service)["servers"][0]["since"] == first["since"] >= requirement["created"][:19]
    assert pinned["name"] == HOSTILE and "its owner pinned it" in pinned["reason"]
    assert (third["compliant"], third["build"], third["requirements"][0]["fulfilled"]) == (True, new["id"], True)
    line, = whole["lines"]
    assert (line["name"], line["build"], line["outdated"]) == ("web", new["id"], False)
    assert line["plan_digest"] == line["wanted_plan_digest"]


def test_a_server_of_an_unknown_image_counts_where_something_is_required_of_everything(start, tmp_path):
    (tmp_path / "service.conf").write_text("[reconcile]\nenabled = false\n")
    service = start("--config", tmp_path / "service.conf")
    image = "sha256:" + "1" * 64
    servers(service, ("odd", image, {"unikernel": True}), ("linux", "sha256:" + "2" * 64, {}))
    whole = report(service)
    odd, = whole["servers"]
    assert (odd["name"], odd["known"], odd["compliant"], odd["image"]) == ("odd", False, False, image)
    assert whole["compliant"] is True
    everything = {**document("for-all", "x", console={}), "applies_to": {"everything": True}}
    assert service.post_json("/v1/requirements", {"document": everything}).status == 201
    whole = report(service)
    odd, = whole["servers"]
    assert whole["compliant"] is False
    assert odd["reason"] == (f"its image, {image}, was not made by a build of this builder; that it meets for-all, "
                             "which holds for everything, cannot be shown")
    assert [each["name"] for each in odd["requirements"]] == ["for-all"]


def test_since_is_when_it_was_first_seen_so_and_survives_a_restart(start, tmp_path):
    (tmp_path / "service.conf").write_text("[reconcile]\nenabled = false\n")
    service = start("--config", tmp_path / "service.conf")
    image = built(service, "web")["image"]
    servers(service, ("web-1", image, {}))
    first, = report(service)["servers"]
    assert first["compliant"] is True
    time.sleep(1.1)  # the report counts in seconds
    assert service.stop() == 0
    service.start()
    again, = report(service)["servers"]
    assert again["since"] == first["since"]
    assert service.post_json("/v1/requirements", {"document": document("slow", "web", console={"speed": 9600})}
                             ).status == 201
    out, = report(service)["servers"]
    assert out["compliant"] is False and out["since"] > first["since"]


def test_a_dry_run_names_the_servers_it_concerns(service, outdated):
    answer = service.post_json("/v1/requirements?dry_run=true", {"document": document("more", "web", lwip={})})
    check_schema("DryRun", answer.json)
    change, = answer.json["changes"]
    assert change["outcome"] == "rebuild"
    assert [server["name"] for server in change["servers"]] == ["web-1", HOSTILE, "web-3"]


def test_servers_that_cannot_be_listed_are_no_compliance(service, outdated):
    file = service.folder / "stub-servers.json"
    text = file.read_text()
    file.write_text("{}")
    try:
        for answer in (service.get("/v1/compliance"),
                       service.request("DELETE", "/v1/requirements/slow?dry_run=true")):
            assert (answer.status, answer.error["code"]) == (503, "servers.unavailable")
    finally:
        file.write_text(text)


@pytest.mark.parametrize("accept, kind", [
    ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"), ("*/*", "application/json"),
    ("application/json, text/html", "application/json"), ("text/html, application/json", "text/html; charset=utf-8")])
def test_has_two_forms(service, outdated, accept, kind):
    assert service.get("/v1/compliance", {"Accept": accept}).headers["Content-Type"] == kind


class Page(html.parser.HTMLParser):
    """What a browser made of a page: elements with their attributes, and all text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)

    def count(self, tag, **attributes):
        wanted = {key.rstrip("_"): value for key, value in attributes.items()}
        return sum(name == tag and wanted.items() <= have.items() for name, have in self.elements)


def browse(tmp_path, address, *options):
    """(what the browser made of it, what its console said)."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no browser is installed (Debian's package chromium)")
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         "--disable-extensions", "--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}",
         "--dump-dom", *options, address],
        capture_output=True, text=True, timeout=BROWSER_SECONDS, check=False, cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    return Page(done.stdout), [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture(scope="module")
def page_file(service, outdated, tmp_path_factory):
    answer = service.get("/v1/compliance", {"Accept": "text/html"})
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_bytes(answer.body)
    return file


def test_the_page_in_a_browser(page_file, tmp_path):
    page, console = browse(tmp_path, page_file.as_uri())
    assert console == []
    assert page.count("tr", class_="server") == 3 and page.count("tr", class_="line") == 1
    assert page.count("th", scope="col") >= 12 and page.count("th", scope="row") == 4
    assert page.count("caption") == 2
    assert page.count("svg", role="img") == 1 and page.count("g", class_="server") == 3
    assert page.count("rect", class_="bad") == 2 and page.count("rect", class_="good") == 1
    assert page.count("desc") == 1 and page.count("title") == 1 + 1 + 3, "the page's, the picture's, each bar's"
    assert page.count("script") == 0 and not any(key.startswith("on") for _, have in page.elements for key in have)
    assert HOSTILE in page.texts and "taken over" not in page.texts
    text = " ".join(page.texts)
    assert "1 of 3 servers are in compliance" in text and "its image was made without it" in text


def test_the_browser_would_have_told_of_a_script(page_file, tmp_path):
    """What test_the_page_in_a_browser rests on: the policy stops scripts, and the console says so."""
    (tmp_path / "bad.html").write_text(page_file.read_text().replace("<main>", "<main><script>var x = 1;</script>"))
    page, console = browse(tmp_path, (tmp_path / "bad.html").as_uri())
    assert page.count("script") == 1 and any("Content Security Policy" in line for line in console)


def colours(style):
    return {name: tuple(int(value[at:at + 2], 16) / 255 for at in (1, 3, 5))
            for name, value in re.findall(r"--(\w+): (#[0-9a-f]{6})", style)}


def luminance(colour):
    """WCAG 2.1, relative luminance."""
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_its_colours_have_contrast_in_the_light_and_in_the_dark(page_file):
    light, dark = (colours(part) for part in page_file.read_text().split("prefers-color-scheme: dark"))
    assert contrast((0, 0, 0), (1, 1, 1)) == 21
    for scheme in (light, dark):
        for name in ("ink", "faint", "good", "bad"):
            assert contrast(scheme[name], scheme["paper"]) >= 4.5, name


def test_is_for_administrators_where_it_is_of_all_projects(service):
    assert service.get("/v1/compliance?all_projects=true").status == 200, "without identity everybody is one"
    assert service.get("/v1/compliance?marker=x").status == 400


def test_nothing_is_known_of_nothing(start):
    whole = report(start())
    assert (whole["compliant"], whole["servers"], whole["lines"]) == (True, [], [])
