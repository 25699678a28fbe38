# SPDX-License-Identifier: Apache-2.0
"""Publishing by the service around the stub pipeline, with a Glance that fails where the test wants it."""

import threading
import uuid

import pytest

from service_process import wait_until

STEPS = ["list", "get", "create", "upload"]  # of publishing one image, in order


def only_image(glance):
    assert len(glance.images) == 1, glance.images
    return next(iter(glance.images.values()))


def data_of(service, build):
    return service.get(f"/v1/images/{build['image']}/file").body


def warnings(service, build):
    return [event["text"] for event in service.events(build["id"]) if event["kind"] == "warning"]


def test_an_image_is_created_for_the_project(connect, glance, keystone):
    service = connect(glance.url)
    build = service.published("web", {"name": "hello-web"})
    assert build["state"] == "succeeded", build
    assert build["publish"]["state"] == "active"
    assert [phase["phase"] for phase in build["phases"]][-2:] == ["store", "publish"]
    image = only_image(glance)
    assert image["data"] == data_of(service, build)
    expected = {"id": build["publish"]["image_id"], "kernel_id": build["publish"]["image_id"], "name": "hello-web",
                "owner": keystone.add_project("p1"), "visibility": "private", "disk_format": "raw",
                "container_format": "bare", "min_disk": 0, "status": "active", "unikernel_build": build["id"],
                "unikernel_digest": build["image"], "os_hidden": False, "trait:CUSTOM_UNIKERNEL": "required"}
    assert {name: image.get(name) for name in expected} == expected
    assert service.get("/v1/images/" + build["image"]).json["properties"].items() <= image.items()


def test_the_callers_request_id_goes_along(connect, glance):
    service = connect(glance.url)
    wanted = "req-" + str(uuid.uuid4())
    service.published("web", None, {"X-Openstack-Request-Id": wanted})
    assert {headers.get("X-Openstack-Request-Id") for _, headers in glance.requests} == {wanted}


def test_the_same_bytes_are_not_sent_twice(connect, glance):
    service = connect(glance.url)
    bundle = service.bundle()
    first = service.published("web", bundle=bundle)
    second = service.published("web", bundle=bundle)
    assert second["id"] != first["id"]
    assert second["publish"]["image_id"] == first["publish"]["image_id"]
    assert glance.steps.count("upload") == 1
    renamed = service.published("web", {"name": "other"}, bundle=bundle)
    assert renamed["publish"]["image_id"] == first["publish"]["image_id"]
    assert renamed["publish"]["name"] == "web"
    assert any("does not get a second one" in text for text in warnings(service, renamed))


@pytest.mark.parametrize("how", ["hidden", "deleted"])
def test_an_image_that_is_gone_is_published_anew_and_a_hidden_one_shown_again(connect, glance, how):
    service = connect(glance.url)
    bundle = service.bundle()
    first = service.published("web", bundle=bundle)["publish"]["image_id"]
    if how == "hidden":
        glance.images[first]["os_hidden"] = True
    else:
        del glance.images[first]
    second = service.published("web", bundle=bundle)
    assert (second["state"], second["publish"]["state"]) == ("succeeded", "active")
    assert (second["publish"]["image_id"] == first) == (how == "hidden")
    assert glance.images[second["publish"]["image_id"]]["os_hidden"] is False
    assert "compile" not in [phase["phase"] for phase in second["phases"]]


def test_older_images_of_the_name_are_hidden(connect, glance, keystone):
    service = connect(glance.url)
    project = keystone.add_project("p1")
    glance.add("by-hand", name="web", owner=project)
    glance.add("of-others", name="web", owner="other", unikernel_build="x")
    glance.add("of-another-service", name="web", owner=project, unikernel_build="unknown")
    first = service.published("web", lines=1)["publish"]["image_id"]
    second = service.published("web", lines=2)["publish"]["image_id"]
    other = service.published("db")["publish"]["image_id"]
    hidden = {image_id for image_id, image in glance.images.items() if image["os_hidden"]}
    assert hidden == {first, "of-another-service"}
    assert {second, other, "by-hand", "of-others"} == set(glance.images) - hidden


@pytest.mark.parametrize("when, what", [("before", 503), ("before", "drop"), ("after", "drop")])
@pytest.mark.parametrize("step", STEPS)
def test_it_goes_on_after_a_failure_at_any_step(connect, glance, step, when, what):
    failed = []

    def fail_once(at, time):
        if (at, time) == (step, when) and not failed:
            failed.append(at)
            return what
        return None

    service = connect(glance.url)
    glance.hook = fail_once
    build = service.published("web", image_bytes=300_000)
    assert failed and build["state"] == "succeeded", build
    image = only_image(glance)
    assert (image["id"], image["status"]) == (build["publish"]["image_id"], "active")
    assert image["data"] == data_of(service, build)


@pytest.mark.parametrize("step", STEPS)
def test_given_up_it_leaves_nothing_once_glance_is_back(connect, glance, step):
    service = connect(glance.url, attempts=2)
    away = threading.Event()
    away.set()
    reached = []

    def hook(at, when):
        if at == step:
            reached.append(at)
        return 503 if away.is_set() and reached else None

    glance.hook = hook
    build = service.published("web")
    assert build["state"] == "publish-failed", build
    assert "Glance answers 503: the test wants it so (tried 2 times)" in build["error"]
    assert build["publish"]["state"] in ("removing", "failed")
    assert service.get("/v1/images/" + build["image"]).status == 200, "it was built all the same"
    away.clear()
    assert service.settled(build["id"])["state"] == "publish-failed"
    assert glance.images == {}
    again = service.published("web", bundle=build["bundle"])
    assert (again["state"], again["image"]) == ("succeeded", build["image"])


def test_what_glance_refuses_for_good_is_not_tried_again(connect, glance):
    service = connect(glance.url)
    glance.hook = lambda step, when: 403 if (step, when) == ("create", "before") else None
    build = service.published("web")
    assert build["state"] == "publish-failed"
    assert build["error"] == "Glance answers 403: the test wants it so"
    assert glance.steps.count("create") == 1
    service.settled(build["id"])


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_it_goes_on_after_the_next_start(connect, glance, step, when):
    reached, go_on = threading.Event(), threading.Event()

    def hold_once(at, time):
        if (at, time) == (step, when) and not reached.is_set():
            reached.set()
            go_on.wait(30)
        return None

    service = connect(glance.url)
    glance.hook = hold_once
    build_id = service.publish("web", image_bytes=300_000)["id"]
    assert reached.wait(30)
    service.kill()
    go_on.set()
    service.start()
    build = service.wait_for(build_id, seconds=60)
    assert build["state"] == "succeeded", build
    image = only_image(glance)
    assert (image["id"], image["status"]) == (build["publish"]["image_id"], "active")
    assert image["data"] == data_of(service, build)


@pytest.mark.parametrize("step", ["get", "create", "upload"])
def test_cancelled_at_any_step_it_leaves_nothing(connect, glance, step):
    reached, go_on = threading.Event(), threading.Event()

    def hold_once(at, when):
        if (at, when) == (step, "before") and not reached.is_set():
            reached.set()
            go_on.wait(30)
        return None

    service = connect(glance.url)
    glance.hook = hold_once
    build_id = service.publish("web", image_bytes=300_000)["id"]
    assert reached.wait(30)
    assert service.request("DELETE", "/v1/builds/" + build_id).status == 204
    go_on.set()
    build = service.wait_for(build_id, seconds=60)
    assert (build["state"], build["error"]) == ("cancelled", "cancelled during phase publish")
    service.settled(build_id)
    wait_until(lambda: glance.images == {})


@pytest.mark.parametrize("status", ["saving", "killed"])
def test_an_image_that_broke_is_replaced(connect, glance, status):
    broken = []

    def breaks(step, when):
        if (step, when) == ("upload", "before") and not broken:
            broken.append(step)
            only_image(glance)["status"] = status
            return "drop"
        return None

    service = connect(glance.url)
    glance.hook = breaks
    build_id = service.publish("web")["id"]
    first = service.build(build_id)["publish"]["image_id"]
    build = service.wait_for(build_id, seconds=60)
    assert build["state"] == "succeeded", build
    assert build["publish"]["image_id"] != first
    assert only_image(glance)["kernel_id"] == build["publish"]["image_id"]


def test_an_image_with_other_bytes_is_replaced(connect, glance):
    def swaps(step, when):
        if (step, when) == ("upload", "after") and glance.steps.count("upload") == 1:
            only_image(glance).update(data=b"other", os_hash_value="00" * 64)
        return None

    service = connect(glance.url)
    glance.hook = swaps
    build = service.published("web")
    assert build["state"] == "succeeded", build
    assert only_image(glance)["data"] == data_of(service, build)


def test_what_a_project_has_in_glance_is_counted_to_the_last_page(connect, glance, keystone):
    service = connect(glance.url, project_storage=2)
    owner = keystone.add_project("p1")
    glance.add("large", owner=owner, size=2 << 20)
    for number in range(1000):
        glance.add(f"empty-{number}", owner=owner, status="queued", size=None, created_at="2025-01-01T00:00:00Z")
    build = service.published("web")
    assert build["state"] == "publish-failed"
    assert "the project has images of 2097152 bytes in Glance" in build["error"]
    del glance.images["large"]
    assert service.published("other")["state"] == "succeeded"


def test_a_given_id_is_used_or_the_build_fails(connect, glance):
    service = connect(glance.url)
    wanted = str(uuid.uuid4())
    build = service.published("web", {"id": wanted})
    assert build["publish"]["image_id"] == wanted and wanted in glance.images
    taken = service.published("db", {"id": wanted})
    assert taken["state"] == "publish-failed"
    assert taken["error"] == f"the id {wanted} is taken in Glance; publish it with another id, or without one"
    service.settled(taken["id"])
    assert glance.images[wanted]["name"] == "web", "another build's image is left alone"


@pytest.mark.parametrize("wish", [{"name": ""}, {"id": "x"}, {"visibility": "public"}, {"extra": 1}, []])
def test_refuses_wrong_wishes(connect, glance, wish):
    service = connect(glance.url)
    answer = service.post_json("/v1/builds", {"bundle": service.bundle(), "spec": {"name": "a"}, "publish": wish})
    assert (answer.status, answer.error["code"]) == (400, "build.invalid")


def test_projects_do_not_see_each_other(connect, glance, keystone):
    service = connect(glance.url)
    build = service.published("web")
    mine = service.token
    bundle, digest = build["bundle"], build["image"]
    assert service.get("/v1/builds").json["builds"][0]["id"] == build["id"]
    service.token = keystone.token("manager-p2", "p2")
    for method, path in (("GET", f"/v1/builds/{build['id']}"), ("GET", f"/v1/builds/{build['id']}/events"),
                         ("DELETE", f"/v1/builds/{build['id']}"), ("GET", f"/v1/images/{digest}"),
                         ("GET", f"/v1/images/{digest}/file"), ("DELETE", f"/v1/images/{digest}")):
        assert service.request(method, path).status == 404, path
    assert service.get("/v1/builds").json["builds"] == [] and service.get("/v1/images").json["images"] == []
    stolen = service.post_json("/v1/builds", {"bundle": bundle, "spec": {"name": "a"}})
    assert (stolen.status, stolen.error["code"]) == (400, "bundle.unknown")
    assert service.get("/v1/builds?all_projects=true").error["code"] == "policy.forbidden"
    service.token = keystone.token("admin", "admin")
    assert service.get(f"/v1/images/{digest}").status == 200
    assert service.get("/v1/builds").json["builds"] == []
    assert [each["id"] for each in service.get("/v1/builds?all_projects=true").json["builds"]] == [build["id"]]
    service.token = mine
    assert service.get(f"/v1/images/{digest}").status == 200


def test_the_same_bytes_are_each_projects_own(connect, glance, keystone):
    service = connect(glance.url)
    first = service.published("web")
    mine, theirs = service.token, keystone.token("manager-p2", "p2")
    service.token = theirs
    second = service.published("web")
    assert (second["image"], second["id"] != first["id"]) == (first["image"], True)
    assert second["publish"]["image_id"] != first["publish"]["image_id"]
    assert {image["owner"] for image in glance.images.values()} == {keystone.add_project(name)
                                                                    for name in ("p1", "p2")}
    assert service.request("DELETE", "/v1/images/" + first["image"]).status == 204
    service.token = mine
    assert service.get("/v1/images/" + first["image"]).json["build"] == first["id"]


def test_requirements_of_a_domain_are_for_its_projects(connect, glance, keystone):
    service = connect(glance.url)
    manager = service.token
    rules = {"name": "house-rules", "applies_to": {"everything": True}, "modules": {"console": None}}
    refused = service.post_json("/v1/requirements", {"document": rules, "domain": "default"})
    assert (refused.status, refused.error["code"]) == (403, "policy.forbidden")
    service.token = keystone.token("admin", "admin")
    both = service.post_json("/v1/requirements", {"document": rules, "domain": "default", "project": "p1"})
    assert (both.status, "give one of the two" in both.error["detail"]) == (400, True)
    created = service.post_json("/v1/requirements", {"document": rules, "domain": "default"})
    assert (created.status, created.json["project"], created.json["domain"]) == (201, None, "default")
    elsewhere = keystone.add_domain("elsewhere")
    assert service.post_json("/v1/requirements", {"document": rules, "domain": elsewhere}).status == 201
    service.token = manager
    own = service.post_json("/v1/requirements", {"document": rules})
    assert (own.status, own.error["code"]) == (409, "requirement.exists")
    assert [each["domain"] for each in service.get("/v1/requirements").json["requirements"]] == ["default"]
    assert service.get("/v1/requirements/house-rules").json["domain"] == "default"
    assert service.get("/v1/requirements/house-rules?domain=" + elsewhere).status == 403
    assert service.request("DELETE", "/v1/requirements/house-rules").status == 403
    build = service.submit("web").json
    assert [(each["name"], each["domain"]) for each in build["requirements"]] == [("house-rules", "default")]
    service.token = keystone.token("admin", "admin")
    assert service.request("DELETE", "/v1/requirements/house-rules?domain=default").status == 204
    assert service.get("/v1/requirements/house-rules?domain=" + elsewhere).json["domain"] == elsewhere
    history = service.get("/v1/requirements/house-rules?domain=default&revisions=true").json["requirements"]
    assert [each["audit"]["action"] for each in history] == ["deleted", "created"]
    service.token = manager
    assert service.submit("web").json["requirements"] == []


def test_requirements_have_scopes(connect, glance, keystone):
    service = connect(glance.url)
    everywhere = {"name": "everywhere", "applies_to": {"everything": True}, "modules": {"console": None}}
    mine = {**everywhere, "name": "mine"}
    refused = service.post_json("/v1/requirements", {"document": everywhere, "project": None})
    assert (refused.status, refused.error["code"]) == (403, "policy.forbidden")
    created = service.post_json("/v1/requirements", {"document": mine})
    assert (created.status, created.json["project"]) == (201, keystone.add_project("p1"))
    assert created.json["author"] == keystone.add_user("manager-p1", "p1", ())
    manager = service.token
    service.token = keystone.token("admin", "admin")
    assert service.post_json("/v1/requirements", {"document": everywhere, "project": None}).status == 201
    service.token = keystone.token("manager-p2", "p2")
    assert [each["name"] for each in service.get("/v1/requirements").json["requirements"]] == ["everywhere"]
    assert service.get("/v1/requirements/mine").status == 404
    assert service.request("DELETE", "/v1/requirements/everywhere").status == 403
    assert [each["name"] for each in service.submit("web").json["requirements"]] == ["everywhere"]
    service.token = manager
    assert [each["name"] for each in service.submit("web").json["requirements"]] == ["everywhere", "mine"]
