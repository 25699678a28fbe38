# SPDX-License-Identifier: Apache-2.0
"""An image that several projects have: whose share is deleted."""

import uuid

import pytest

MEDIA = {"Content-Type": "application/octet-stream"}


@pytest.fixture(name="people")
def fixture_people(keystone):
    return {name: {"X-Auth-Token": keystone.token(name, project)}
            for name, project in (("ann", "blue"), ("bob", "red"), ("admin", "admin"), ("nova", "service"))}


@pytest.fixture(name="service")
def fixture_service(builder):
    return builder()


def store(service, *whose, query=""):
    """The same bytes for each of them; the place of the image."""
    content = b"\x7fELF" + uuid.uuid4().bytes
    answers = [service.request("POST", "/v1/images" + query, content, {**MEDIA, **who}) for who in whose]
    assert [answer.status for answer in answers] == [201] * len(whose)
    return answers[0].headers["Location"]


def test_an_administrator_says_from_which_project(keystone, people, service):
    place = store(service, people["ann"], people["bob"])
    answer = service.request("DELETE", place, headers=people["admin"])
    assert answer.status == 404 and "?all_projects=true" in answer.error["detail"]
    red = keystone.add_project("red")
    assert service.request("DELETE", f"{place}?project={red}", headers=people["admin"]).status == 204
    assert service.get(place, people["bob"]).status == 404
    assert service.get(place, people["ann"]).status == 200
    assert service.request("DELETE", f"{place}?project={red}", headers=people["admin"]).status == 404
    both = f"{place}?project={red}&all_projects=true"
    assert service.request("DELETE", both, headers=people["admin"]).status == 400


def test_or_from_all(people, service):
    place = store(service, people["ann"], people["bob"])
    assert service.request("DELETE", f"{place}?all_projects=true", headers=people["admin"]).status == 204
    assert [service.get(place, people[name]).status for name in ("ann", "bob", "admin")] == [404] * 3


def test_nobody_else_may(keystone, people, service):
    place = store(service, people["bob"])
    for query in ("all_projects=true", "project=" + keystone.add_project("red")):
        assert service.request("DELETE", f"{place}?{query}", headers=people["ann"]).status == 403
    assert service.get(place, people["bob"]).status == 200


@pytest.mark.parametrize("who", ["ann", "admin", "nova"])
def test_what_a_glance_image_holds_goes_with_it_whoever_deletes_that(people, service, who):
    holder = "?holder=" + str(uuid.uuid4())
    place = store(service, people["ann"], query=holder)
    assert service.request("DELETE", place, headers=people["ann"]).status == 409
    assert service.request("DELETE", place + holder, headers=people["bob"]).status == 404
    assert service.request("DELETE", place + holder, headers=people[who]).status == 204
    assert service.get(place, people["ann"]).status == 404


def test_a_holder_is_an_image_of_glance(people, service):
    answer = service.request("POST", "/v1/images?holder=me", b"x", {**MEDIA, **people["ann"]})
    assert (answer.status, answer.error["detail"]) == (400, "holder: 'me' is not the id of a Glance image")
