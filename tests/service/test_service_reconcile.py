# SPDX-License-Identifier: Apache-2.0
"""The loop in the real service: images follow the requirements, also when the service is killed."""

import time

from service_process import Service, wait_until


def requirement(speed, name="console-speed"):
    return {"name": name, "applies_to": {"images": ["app"]}, "modules": {"console": {"speed": speed}}}


def rollouts(service, query=""):
    answer = service.get("/v1/rollouts" + query)
    assert answer.status == 200, answer.body
    return answer.json["rollouts"]


def ended(service, count):
    """Waits for so many rollouts and the end of the newest, which it answers."""
    wait_until(lambda: len(rollouts(service)) == count and
               rollouts(service)[0]["state"] not in ("building", "replacing", "waiting", "paused"), 30)
    return rollouts(service)[0]


def plan(service, digest):
    return service.get("/v1/images/" + digest).json["description"]


def test_an_image_follows_its_requirements_there_and_back(start):
    service = start()
    first = service.wait_for(service.submit("app").json["id"])
    other = service.wait_for(service.submit("other").json["id"])
    assert service.post_json("/v1/requirements", {"document": requirement(9600)}).status == 201
    done = ended(service, 1)
    assert (done["state"], done["name"], done["from_build"]) == ("succeeded", "app", first["id"]), done
    assert done["requirements"] == [{"requirement": "console-speed", "revision": 1, "project": "", "domain": None,
                                     "new": True}]
    assert (done["servers"], done["image_id"]) == ([], "")
    made = service.build(done["build"])
    assert (made["state"], made["image"]) == ("succeeded", done["image"])
    assert plan(service, done["image"])["configuration"]["console"]["speed"] == 9600
    assert plan(service, done["image"])["plan_digest"] == done["plan_digest"]

    assert service.request("DELETE", "/v1/requirements/console-speed").status == 204
    back = ended(service, 2)
    assert (back["state"], back["image"]) == ("succeeded", first["image"]), "the same plan is the same image"
    names = [build["name"] for build in service.get("/v1/builds").json["builds"]]
    assert names == ["app", "app", "other", "app"] and other["state"] == "succeeded"


def test_what_cannot_be_made_is_told_and_left(start):
    service = start()
    spec = {"name": "app", "modules": {"console": {"speed": 115200}}}
    first = service.wait_for(service.post_json("/v1/builds", {"bundle": service.bundle(), "spec": spec}).json["id"])
    assert service.post_json("/v1/requirements", {"document": requirement(9600)}).status == 201
    told = ended(service, 1)
    assert (told["state"], told["plan_digest"], told["image"]) == ("failed", "", "")
    assert "console" in told["reason"] and "speed" in told["reason"]
    assert service.get("/v1/builds").json["builds"][0]["id"] == first["id"]


def test_lists_shows_and_takes_orders(start):
    service = start()
    service.wait_for(service.submit("app", sleep_ms=600).json["id"])
    service.post_json("/v1/requirements", {"document": requirement(9600)})
    wait_until(lambda: rollouts(service))
    rollout, = rollouts(service, "?state=building")
    path = "/v1/rollouts/" + rollout["id"]
    assert service.get(path).json["cause"].startswith("its plan is not what")
    assert service.post_json(path + "/action", {"abort": None}).status == 202
    aborted = ended(service, 1)
    assert aborted["state"] == "aborted"
    assert service.wait_for(aborted["build"])["state"] == "cancelled"
    refused = service.post_json(path + "/action", {"pause": None})
    assert (refused.status, refused.error["code"]) == (409, "rollout.conflict")
    assert "it is aborted" in refused.error["detail"]
    assert rollouts(service, "?state=building") == []
    assert service.get("/v1/rollouts?state=never").error["code"] == "query.invalid"
    assert service.get("/v1/rollouts?marker=x").error["code"] == "query.invalid"
    assert service.get("/v1/rollouts/x").status == 404
    for body in ({}, {"pause": None, "abort": None}, {"pause": True}, {"stop": None}):
        assert service.post_json(path + "/action", body).status == 400, body


def test_can_be_switched_off(start, tmp_path):
    config = tmp_path / "conf"
    config.write_text("[reconcile]\nenabled = false\n")
    service = start("--config", config)
    service.wait_for(service.submit("app").json["id"])
    service.post_json("/v1/requirements", {"document": requirement(9600)})
    time.sleep(0.5)
    assert rollouts(service) == [] and len(service.get("/v1/builds").json["builds"]) == 1


def test_killed_again_and_again_it_makes_each_image_once(tmp_path):
    service = Service(tmp_path).start()
    first = service.wait_for(service.submit("app", sleep_ms=150).json["id"])
    service.post_json("/v1/requirements", {"document": requirement(9600)})
    for pause in (0.0, 0.05):  # a build during which the service dies three times fails
        time.sleep(pause)
        service.kill()
        service.start()
    done = ended(service, 1)
    assert done["state"] == "succeeded", done
    builds = service.get("/v1/builds").json["builds"]
    assert [build["id"] for build in builds] == [done["build"], first["id"]]
    assert builds[0]["state"] == "succeeded"
    time.sleep(0.3)
    assert len(rollouts(service)) == 1
    assert service.stop() == 0
