# SPDX-License-Identifier: Apache-2.0
"""Images: metadata, bytes with ranges and conditions, damage, deletion."""

import base64
import hashlib

import pytest


@pytest.fixture(scope="module")
def image(service):
    build = service.wait_for(service.submit("image", image_bytes=300_000).json["id"])
    metadata = service.get("/v1/images/" + build["image"]).json
    return metadata, service.get(f"/v1/images/{build['image']}/file").body


def file_path(image):
    return f"/v1/images/{image[0]['digest']}/file"


def test_describes_and_lists(service, image):
    metadata, data = image
    assert metadata["bytes"] == len(data) > 300_000
    assert metadata["digest"] == "sha256:" + hashlib.sha256(data).hexdigest()
    assert set(metadata) == {"digest", "bytes", "created", "build", "description", "properties", "min_ram",
                             "min_disk"}
    assert metadata in service.get("/v1/images").json["images"]


def test_pages_by_digest(service, image):
    for n in range(3):
        service.wait_for(service.submit(f"page-{n}").json["id"])
    everything = service.get("/v1/images").json["images"]
    digests = [each["digest"] for each in everything]
    assert digests == sorted(digests) and len(digests) >= 4
    first = service.get("/v1/images?limit=2").json["images"]
    rest = service.get(f"/v1/images?marker={first[-1]['digest']}").json["images"]
    assert first + rest == everything
    link = service.get("/v1/images?limit=2").json["links"][0]
    assert link["rel"] == "next"
    assert service.get("/v1/" + link["href"].split("/v1/", 1)[1]).json["images"] == everything[2:4]
    assert service.get("/v1/images").json["links"] == []


def test_takes_finished_images(service):
    data = b"\177ELF made elsewhere"
    octets = {"Content-Type": "application/octet-stream"}
    first = service.request("POST", "/v1/images", data, octets)
    assert first.status == 201, first.body
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    assert (first.json["digest"], first.json["build"]) == (digest, "")
    assert first.headers["Location"] == "/v1/images/" + digest
    again = service.request("POST", "/v1/images", data, octets)
    assert (again.status, again.json) == (200, first.json)
    assert service.get(f"/v1/images/{digest}/file").body == data
    assert list((service.state / "incoming").iterdir()) == []


def test_refuses_bytes_that_are_no_image(service):
    octets = {"Content-Type": "application/octet-stream"}
    assert service.request("POST", "/v1/images", b"", octets).error["code"] == "image.invalid"
    assert service.request("POST", "/v1/images", b"x", {"Content-Type": "text/plain"}).status == 415
    head = (b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
            b"Content-Length: " + str((256 << 20) + 1).encode() + b"\r\n\r\n")
    assert b" 413 " in service.raw(head)


def test_sends_bytes_with_their_digest(service, image):
    answer = service.get(file_path(image))
    assert (answer.status, answer.body) == (200, image[1])
    assert answer.headers["ETag"] == f'"{image[0]["digest"]}"'
    encoded = base64.b64encode(hashlib.sha256(image[1]).digest()).decode()
    assert answer.headers["Repr-Digest"] == f"sha-256=:{encoded}:"
    assert answer.headers["Digest"] == f"sha-256={encoded}"
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_head_has_the_same_headers(service, image):
    whole, head = service.get(file_path(image)), service.request("HEAD", file_path(image))
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Length", "ETag", "Digest", "Repr-Digest", "Content-Type"):
        assert head.headers.get_all(name) == whole.headers.get_all(name), name


@pytest.mark.parametrize("spelled, first, last", [
    ("bytes=0-3", 0, 3), ("bytes=10-", 10, None), ("bytes=-5", -5, None), ("bytes=0-0", 0, 0),
    ("bytes=4095-70000", 4095, 70_000), ("bytes=5-99999999999", 5, None), ("bytes=-99999999", 0, None),
])
def test_sends_one_range(service, image, spelled, first, last):
    data = image[1]
    wanted = data[first:None if last is None else last + 1]
    answer = service.get(file_path(image), {"Range": spelled})
    assert (answer.status, answer.body) == (206, wanted)
    begin = first % len(data)
    assert answer.headers["Content-Range"] == f"bytes {begin}-{begin + len(wanted) - 1}/{len(data)}"


@pytest.mark.parametrize("spelled", ["bytes=99999999-", "bytes=99999999-100000000", "bytes=-0"])
def test_refuses_a_range_outside(service, image, spelled):
    answer = service.get(file_path(image), {"Range": spelled})
    assert (answer.status, answer.error["code"]) == (416, "range.invalid")
    assert answer.headers["Content-Range"] == f"bytes */{len(image[1])}"


@pytest.mark.parametrize("spelled", ["bytes=5-2", "lines=1-2", "bytes=a-b", "bytes=1-2,5-6", "bytes=", "bytes=-",
                                     "bytes=--5", "bytes=0x1-", "bytes=99999999999999999999999-"])
def test_ignores_ranges_it_need_not_understand(service, image, spelled):
    answer = service.get(file_path(image), {"Range": spelled})
    assert (answer.status, len(answer.body)) == (200, len(image[1]))


def test_conditions(service, image):
    tag = f'"{image[0]["digest"]}"'
    for known in (tag, "*", f'"other", {tag}', "W/" + tag):
        answer = service.get(file_path(image), {"If-None-Match": known})
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag)
    assert service.get(file_path(image), {"If-None-Match": '"other"'}).status == 200
    assert service.get(file_path(image), {"Range": "bytes=0-3", "If-Range": tag}).status == 206
    for other in ('"other"', "W/" + tag, "*"):
        assert service.get(file_path(image), {"Range": "bytes=0-3", "If-Range": other}).status == 200


@pytest.mark.parametrize("digest", ["x", "sha256:12", "sha256:" + "g" * 64, "sha256:" + "A" * 64, "..",
                                    "md5:" + "0" * 64])
def test_refuses_what_is_no_digest(service, digest):
    for method, suffix in (("GET", ""), ("GET", "/file"), ("DELETE", "")):
        answer = service.request(method, f"/v1/images/{digest}{suffix}")
        assert answer.status == 400
        assert answer.error["detail"].endswith("is not a digest (sha256: and 64 hex digits)")


def test_unknown_images_are_not_found(service):
    digest = "sha256:" + "0" * 64
    for method, suffix in (("GET", ""), ("GET", "/file"), ("DELETE", "")):
        answer = service.request(method, f"/v1/images/{digest}{suffix}")
        assert (answer.status, answer.error["detail"]) == (404, f"no image {digest} is stored here")


def test_deletes(service):
    digest = service.wait_for(service.submit("deleted").json["id"])["image"]
    assert service.request("DELETE", "/v1/images/" + digest).status == 204
    assert service.get("/v1/images/" + digest).status == 404
    assert service.request("DELETE", "/v1/images/" + digest).status == 404


def test_never_serves_a_truncated_image(service):
    digest = service.wait_for(service.submit("damaged").json["id"])["image"]
    stored = service.state / "images" / digest.removeprefix("sha256:")
    stored.write_bytes(stored.read_bytes()[:-1])
    for suffix in ("", "/file"):
        answer = service.get(f"/v1/images/{digest}{suffix}")
        assert answer.status == 500
        assert answer.error["detail"] == f"image {digest} is damaged in the store; delete it and build it again"
    assert digest not in [each["digest"] for each in service.get("/v1/images").json["images"]]
    assert service.submit("damaged").status == 202, "a damaged image is built again"
    service.wait_for(service.get("/v1/builds?limit=1").json["builds"][0]["id"])
    assert service.get("/v1/images/" + digest).status == 200


def test_an_image_deleted_while_it_is_sent_still_arrives(service):
    digest = service.wait_for(service.submit("sent", image_bytes=8_000_000).json["id"])["image"]
    connection = service.connect()
    connection.request("GET", f"/v1/images/{digest}/file")
    response = connection.getresponse()
    data = response.read(1000)
    assert service.request("DELETE", "/v1/images/" + digest).status == 204
    data += response.read()
    connection.close()
    assert "sha256:" + hashlib.sha256(data).hexdigest() == digest
