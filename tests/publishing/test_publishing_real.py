# SPDX-License-Identifier: Apache-2.0
"""Publishing into the real Glance of Debian, with the real Keystone."""

import hashlib
import subprocess
import threading
import time

from glance_requests import GlanceClient
from service_process import program, wait_until


def test_an_image_is_active_with_its_properties_and_bytes(connect, real_glance, keystone):
    service = connect(real_glance.url)
    build = service.published("web", {"name": "hello-web"}, image_bytes=500_000)
    assert build["state"] == "succeeded", build
    member = GlanceClient(real_glance, keystone.token("manager-p1", "p1"))
    image = member.image(build["publish"]["image_id"]).json()
    data = service.get(f"/v1/images/{build['image']}/file").body
    assert (image["status"], image["size"], image["owner"]) == ("active", len(data), keystone.add_project("p1"))
    assert (image["kernel_id"], image["unikernel_build"]) == (image["id"], build["id"])
    assert (image["disk_format"], image["container_format"], image["visibility"]) == ("raw", "bare", "private")
    assert image["os_hash_value"] == hashlib.sha512(data).hexdigest()
    assert service.get("/v1/images/" + build["image"]).json["properties"].items() <= image.items()
    assert member.data(image["id"]).content == data


def test_a_second_time_it_is_not_sent(connect, real_glance, keystone):
    service = connect(real_glance.url)
    bundle = service.bundle()
    first = service.published("twice", bundle=bundle)
    second = service.published("twice", bundle=bundle)
    assert second["publish"] == first["publish"] and second["id"] != first["id"]
    member = GlanceClient(real_glance, keystone.token("manager-p1", "p1"))
    assert len(member.images(name="twice")) == 1


def test_another_project_does_not_see_it(connect, real_glance, keystone):
    service = connect(real_glance.url)
    image_id = service.published("secret")["publish"]["image_id"]
    other = GlanceClient(real_glance, keystone.token("manager-p2", "p2"))
    assert other.image(image_id).status_code == 404
    assert other.images(name="secret") == []


def test_older_ones_are_hidden_and_stay_bootable(connect, real_glance, keystone):
    service = connect(real_glance.url)
    first = service.published("app", lines=1)["publish"]["image_id"]
    second = service.published("app", lines=2)["publish"]["image_id"]
    member = GlanceClient(real_glance, keystone.token("manager-p1", "p1"))
    assert [image["id"] for image in member.images(name="app")] == [second]
    assert member.image(first).json()["os_hidden"] is True
    assert member.data(first).status_code == 200
    service.published("app", lines=1)  # back to the first, which is shown again
    assert [image["id"] for image in member.images(name="app")] == [first]
    assert member.image(second).json()["os_hidden"] is True


def test_an_image_is_deactivated_and_activated_again(connect, real_glance, keystone):
    """By the service's own client and account."""
    service = connect(real_glance.url)
    image_id = service.published("over")["publish"]["image_id"]
    member = GlanceClient(real_glance, keystone.token("manager-p1", "p1"))
    account = keystone.auth_options("unikernel", "service")

    def act(action, image):
        done = subprocess.run([program("unikernel-glance-action"), account["auth_url"], real_glance.url, "unikernel",
                               account["password"], "service", action, image], capture_output=True, text=True,
                              timeout=60, check=False)
        return done.returncode, done.stdout

    for action, status, data in (("deactivate", "deactivated", 403), ("deactivate", "deactivated", 403),
                                 ("reactivate", "active", 200), ("reactivate", "active", 200)):
        assert act(action, image_id) == (0, "")
        assert member.status(image_id) == status
        assert member.data(image_id).status_code == data
    code, said = act("deactivate", "00000000-0000-0000-0000-000000000000")
    assert code == 1 and said.startswith("0: Glance"), said


def test_a_deleted_image_is_published_anew(connect, real_glance, keystone):
    service = connect(real_glance.url)
    bundle = service.bundle()
    member = GlanceClient(real_glance, keystone.token("manager-p1", "p1"))
    first = service.published("deleted", bundle=bundle)["publish"]["image_id"]
    assert member.delete(first).status_code == 204
    second = service.published("deleted", bundle=bundle)
    assert second["state"] == "succeeded"
    assert [image["id"] for image in member.images(name="deleted")] == [second["publish"]["image_id"]] != [first]


def test_an_id_is_never_used_again(connect, real_glance, keystone):
    service = connect(real_glance.url)
    member = GlanceClient(real_glance, keystone.token("manager-p1", "p1"))
    used = service.published("used")["publish"]["image_id"]
    assert member.delete(used).status_code == 204
    build = service.published("used-again", {"id": used})
    assert build["state"] == "publish-failed"
    assert "is taken in Glance, or was before" in build["error"]


def test_glance_killed_in_mid_upload_and_back(connect, real_glance, keystone):
    service = connect(real_glance.url)
    member = GlanceClient(real_glance, keystone.token("manager-p1", "p1"))
    build_id = service.publish("interrupted", image_bytes=60_000_000)["id"]
    # As soon as it is there: queued, or with a part of its bytes.
    wait_until(lambda: member.status(service.build(build_id)["publish"]["image_id"]), seconds=60)
    real_glance.kill()
    time.sleep(1)
    real_glance.start()
    build = service.wait_for(build_id, seconds=120)
    assert build["state"] == "succeeded", build
    data = service.get(f"/v1/images/{build['image']}/file").body
    listed = member.images(name="interrupted")
    assert [image["id"] for image in listed] == [build["publish"]["image_id"]]
    assert listed[0]["os_hash_value"] == hashlib.sha512(data).hexdigest()
    everything = GlanceClient(real_glance, keystone.token("admin", "admin"))
    assert len(everything.images(name="interrupted", owner=keystone.add_project("p1"))) == 1, "nothing is left"


def test_the_service_killed_in_mid_upload_and_back(connect, real_glance, keystone):
    service = connect(real_glance.url)
    member = GlanceClient(real_glance, keystone.token("manager-p1", "p1"))
    build_id = service.publish("killed", image_bytes=60_000_000)["id"]
    wait_until(lambda: member.status(service.build(build_id)["publish"]["image_id"]) in ("saving", "active"),
               seconds=60)
    service.kill()
    service.start()
    build = service.wait_for(build_id, seconds=120)
    assert build["state"] == "succeeded", build
    assert [image["id"] for image in member.images(name="killed")] == [build["publish"]["image_id"]]


def test_glance_away_for_long_leaves_nothing(connect, real_glance, keystone):
    service = connect(real_glance.url, attempts=2)
    member = GlanceClient(real_glance, keystone.token("manager-p1", "p1"))
    assert service.published("before")["state"] == "succeeded"
    real_glance.stop()
    build = service.published("away")
    assert build["state"] == "publish-failed"
    assert "(tried 2 times). The image is built and stored as sha256:" in build["error"]
    real_glance.start()
    service.settled(build["id"])
    assert member.images(name="away") == []
    again = service.published("away", bundle=build["bundle"])
    assert (again["state"], again["publish"]["state"]) == ("succeeded", "active")


def test_two_at_once_send_it_once(connect, real_glance, keystone):
    service = connect(real_glance.url)
    bundle = service.bundle()
    service.wait_for(service.submit("both", bundle=bundle, boot_check=False, image_bytes=2_000_000).json["id"])
    builds = []
    threads = [threading.Thread(target=lambda visibility=visibility: builds.append(service.published(
        "both", {"visibility": visibility}, bundle=bundle, image_bytes=2_000_000)))
               for visibility in ("private", "shared")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {build["state"] for build in builds} == {"succeeded"}
    assert len({build["publish"]["image_id"] for build in builds}) == 1
    member = GlanceClient(real_glance, keystone.token("manager-p1", "p1"))
    assert len(member.images(name="both")) == 1


def test_glance_charges_the_project_and_lets_the_builder_go_on(connect, real_glance, keystone):
    """Glance's quota of 100 MiB (conftest.py) is asked of the caller's project; the image is its owner's."""
    member = GlanceClient(real_glance, keystone.token("manager-p2", "p2"))
    assert member.upload(b"x").status_code == 204
    service = connect(real_glance.url, user="manager-p2", project="p2", project_storage=120)
    for number in (1, 2):
        assert service.published("large", lines=number, image_bytes=55_000_000)["state"] == "succeeded"
    assert member.upload(b"x").status_code == 413
    build = service.published("large", lines=3, image_bytes=55_000_000)
    assert build["state"] == "publish-failed" and "([glance] project_storage)" in build["error"], build
