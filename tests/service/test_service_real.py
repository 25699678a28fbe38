# SPDX-License-Identifier: Apache-2.0
"""The real service with the real pipeline: ordinary programs in, sealed images out."""

import io
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import time

import pytest

import module_bundle
from service_process import Service, program, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
HELLO = '#include <iostream>\nint main() { std::cout << "hello" << std::endl; }\n'
SPEC = {"name": "hello", "platform": "u0", "application": {"sources": ["main.cc"], "language": "c++20"},
        "modules": {"posix": {}}}
BUILD_SECONDS = 240  # all of the platform is compiled once


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    for tool in ("bwrap", "g++", "ld", "objcopy"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    folder = tmp_path_factory.mktemp("builder")
    private, public = module_bundle.make_keys(folder)
    digest = module_bundle.pack(module_bundle.write_module(folder / "acme"), folder / "acme.tar.gz", private)
    (folder / "conf").write_text(module_bundle.section("acme", bundle=f"file://{folder}/acme.tar.gz", digest=digest,
                                                       key=public, modules="packet-filter"))
    service = Service(folder, "--workers", "1", "--config", folder / "conf", name="unikernel-builder").start()
    yield service
    assert service.stop() == 0


def submit(service, source=HELLO, boot_check=False, requirements=(), bundle=None, **spec):
    return service.post_json("/v1/builds", {"bundle": bundle or service.bundle({"main.cc": source}),
                                            "spec": {**SPEC, **spec}, "requirements": list(requirements),
                                            "boot_check": boot_check})


def built(service, answer):
    assert answer.status in (200, 202), answer.body  # 200: the loop wants the same and builds it already
    return service.wait_for(answer.json["id"], seconds=BUILD_SECONDS)


@pytest.fixture(scope="module")
def hello(builder):
    build = built(builder, submit(builder))
    assert build["state"] == "succeeded", build["error"]
    return build


def test_builds_an_ordinary_program(builder, hello):
    assert [phase["phase"] for phase in hello["phases"]] == ["plan", "resolve", "generate", "compile", "link",
                                                             "verify", "store"]
    image = builder.get("/v1/images/" + hello["image"]).json
    assert image["description"]["name"] == "hello"
    assert "posix" in [module["name"] for module in image["description"]["modules"]]
    data = builder.get(f"/v1/images/{hello['image']}/file").body
    assert data[:4] == b"\x7fELF" and len(data) == image["bytes"]


@pytest.mark.parametrize("modules", [{}, {"virtio-rng": None}])
def test_properties_are_those_that_the_compute_driver_derives(builder, hello, modules):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "nova_driver"))
    from unikernel_nova import artifact, properties
    digest = hello["image"]
    if modules:
        build = built(builder, submit(builder, modules={"posix": {}, **modules}))
        assert build["state"] == "succeeded", build["error"]
        digest = build["image"]
    image = builder.get("/v1/images/" + digest).json
    bytes_of_it = artifact.verify(builder.get(f"/v1/images/{digest}/file").body)
    derived = properties.derive_all(bytes_of_it, "an-id")
    assert derived.pop("kernel_id") == "an-id"
    assert image["properties"] == derived
    assert ("hw_rng_model" in derived) == bool(modules)
    assert (image["min_ram"], image["min_disk"]) == (image["description"]["minimum_memory_mib"], 0)


def test_takes_a_finished_image_and_no_damaged_one(builder, hello):
    octets = {"Content-Type": "application/octet-stream"}
    data = builder.get(f"/v1/images/{hello['image']}/file").body
    again = builder.request("POST", "/v1/images", data, octets)
    assert (again.status, again.json["digest"]) == (200, hello["image"])
    damaged = builder.request("POST", "/v1/images", data[:-200] + bytes(200), octets)
    assert (damaged.status, damaged.error["code"]) == (400, "image.invalid")
    assert "is no intact image" in damaged.error["detail"]


def test_a_stored_requirement_goes_into_the_image(builder, hello):
    console = {"name": "slow-console", "applies_to": {"images": ["required"]}, "modules": {"console": {"speed": 9600}}}
    wrong = {**console, "modules": {"console": {"speed": 1}}}
    assert builder.post_json("/v1/requirements", {"document": wrong}).error["code"] == "requirement.invalid"
    assert builder.post_json("/v1/requirements", {"document": console}).status == 201
    build = built(builder, submit(builder, name="required"))
    assert build["state"] == "succeeded", build["error"]
    with_it = builder.get("/v1/images/" + build["image"]).json["description"]
    assert with_it["configuration"]["console"]["speed"] == 9600
    builder.request("DELETE", "/v1/requirements/slow-console")
    without = built(builder, submit(builder, name="required"))
    assert builder.get("/v1/images/" + without["image"]).json["description"]["plan_digest"] != with_it["plan_digest"]


def test_a_security_module_of_a_signed_bundle_goes_into_the_image(builder, hello):
    wanted = {"name": "filter", "applies_to": {"images": ["filtered"]}, "modules": {"packet-filter": {"port": 8080}}}
    build = built(builder, submit(builder, name="filtered", requirements=[wanted]))
    assert build["state"] == "succeeded", build["error"]
    note = builder.get("/v1/images/" + build["image"]).json["description"]
    found = next(module for module in note["modules"] if module["name"] == "packet-filter")
    assert (found["version"], found["repository"]) == ("1.2.0", "acme")
    assert [module["name"] for module in note["modules"] if "repository" in module] == ["packet-filter"]
    assert note["configuration"]["packet-filter"] == {"port": 8080}
    assert b"packet-filter guards port" in builder.get(f"/v1/images/{build['image']}/file").body
    lock = {module["name"]: "@".join([module["version"], module.get("repository", "builtin")])
            for module in note["modules"]}
    again = submit(builder, name="filtered", requirements=[wanted], lock=lock)
    assert (again.status, again.json["image"]) == (200, build["image"]), again.body
    other = submit(builder, name="filtered", requirements=[wanted], lock={**lock, "packet-filter": "1.2.0@builtin"})
    assert (other.status, other.error["code"]) == (409, "spec.unresolvable")
    assert "spec.lock says, 1.2.0@builtin; there are 1.2.0 of repository acme" in other.error["detail"]


def test_boots_the_image_once(builder, hello):
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("qemu-system-x86_64 is not installed")
    build = built(builder, submit(builder, boot_check=True))
    assert build["state"] == "succeeded", build["error"]
    assert "boot" in [phase["phase"] for phase in build["phases"]]
    assert build["image"] == hello["image"], "the check does not change the bytes"


def test_boots_with_a_libvirt_daemon_of_its_own(builder, hello, tmp_path):
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("qemu-system-x86_64 is not installed")
    other = Service(tmp_path, "--cache", builder.folder / "cache", "--libvirt-uri", "private", name="unikernel-builder")
    other.start()
    try:
        build = built(other, submit(other, boot_check=True))
        assert (build["state"], build["image"]) == ("succeeded", hello["image"])
        assert any("boot check under" in str(event) and "qemu+unix:" in str(event)
                   for event in other.events(build["id"]))
    finally:
        assert other.stop() == 0


def test_a_changed_application_recompiles_only_the_application(builder, hello):
    build = built(builder, submit(builder, HELLO.replace("hello", "good evening")))
    assert build["state"] == "succeeded", build["error"]
    assert build["objects"]["compiled"] == 1 and build["objects"]["cached"] > 10
    assert build["image"] != hello["image"]


def test_another_service_makes_the_same_bytes(builder, hello, tmp_path):
    other = Service(tmp_path, "--cache", builder.folder / "cache", name="unikernel-builder")
    other.start()
    try:
        build = built(other, submit(other))
        assert (build["state"], build["image"]) == ("succeeded", hello["image"])
    finally:
        assert other.stop() == 0


def test_the_compilers_own_words_reach_the_user(builder):
    build = built(builder, submit(builder, "int main()\n{\n    return missing;\n}\n"))
    assert build["state"] == "compile-failed"
    assert "main.cc:3:12: error: 'missing' was not declared in this scope" in build["error"].replace("‘", "'").replace(
        "’", "'")


@pytest.mark.parametrize("change, words", [
    ({"modules": {"posxi": {}}}, ["posxi", "posix"]),
    ({"modules": {"console": {"speed": 1}}}, ["spec.modules.console.speed", "1 is under the minimum 300"]),
    ({"modules": {"console": {"colour": 1}}}, ["spec.modules.console", "colour"]),
    ({"platform": "u7"}, ["u7"]),
    ({"name": "Not A Name"}, ["spec.name"]),
    ({"extra": 1}, ["spec.extra"]),
])
def test_refuses_a_wrong_spec_at_once_and_names_the_place(builder, change, words):
    answer = submit(builder, **change)
    assert answer.status == 400, answer.body
    assert answer.error["code"] == "spec.invalid"
    for word in words:
        assert word in answer.error["detail"]


def archive(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def member(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize("data, word", [
    (archive((member("../escape.cc"), b"x")), "../escape.cc"),
    (archive((member("/etc/escape.cc"), b"x")), "/etc/escape.cc"),
    (archive((member("link.cc", tarfile.SYMTYPE, "/etc/passwd"), b"")), "link.cc"),
    (archive((member("device", tarfile.CHRTYPE), b"")), "device"),
    (b"this is no archive at all", ""),
])
def test_rejects_dangerous_bundles(builder, data, word):
    answer = builder.request("POST", "/v1/bundles", data, {"Content-Type": "application/x-tar"})
    assert answer.status == 201
    build = built(builder, submit(builder, bundle=answer.json["digest"]))
    assert build["state"] == "rejected", build
    assert word in build["error"]


def test_killed_in_mid_compile_it_builds_after_the_next_start(tmp_path):
    service = Service(tmp_path, "--workers", "1", name="unikernel-builder").start()
    try:
        build_id = submit(service).json["id"]
        wait_until(lambda: service.build(build_id)["phase"] == "compile", seconds=30)
        time.sleep(1)
        service.kill()
        service.start()
        assert service.get("/v1/images").json["images"] == []
        build = service.wait_for(build_id, seconds=BUILD_SECONDS)
        assert (build["state"], build["attempts"]) == ("succeeded", 2), build
        texts = [event["text"] for event in service.events(build_id) if event["kind"] == "warning"]
        assert texts == ["the service was stopped during phase compile; it was started again automatically"]
    finally:
        assert service.stop() == 0


def test_cancels_in_mid_compile(tmp_path):
    service = Service(tmp_path, "--workers", "1", name="unikernel-builder").start()
    try:
        build_id = submit(service).json["id"]
        wait_until(lambda: service.build(build_id)["phase"] == "compile", seconds=30)
        assert service.request("DELETE", "/v1/builds/" + build_id).status == 204
        build = service.wait_for(build_id, seconds=10)
        assert (build["state"], build["error"]) == ("cancelled", "cancelled during phase compile")
        wait_until(lambda: not tools_of(service))
    finally:
        assert service.stop() == 0


def tools_of(service):
    """Process ids of the service's children."""
    tasks = pathlib.Path(f"/proc/{service.process.pid}/task")
    return [child for task in tasks.iterdir() for child in (task / "children").read_text().split()]


STAY = ('#include <chrono>\n#include <iostream>\n#include <thread>\nint main() { std::cout << "here" << std::endl;'
        ' for (;;) std::this_thread::sleep_for(std::chrono::seconds(1)); }\n')


def test_instances_follow_a_requirement_although_the_service_is_killed(builder, hello, tmp_path):
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("qemu-system-x86_64 is not installed")
    service = Service(tmp_path, "--cache", builder.folder / "cache", "--libvirt-uri", "private",
                      name="unikernel-builder")
    service.start()
    try:
        first = built(service, submit(service, STAY, name="stay"))
        assert first["state"] == "succeeded", first
        for name, pinned in (("one", False), ("two", False), ("kept", True)):
            answer = service.post_json("/v1/instances", {"name": name, "image": first["image"], "pinned": pinned})
            assert answer.status == 201, answer.body
        document = {"name": "slow-console", "applies_to": {"images": ["stay"]}, "modules": {"console": {"speed": 9600}}}
        assert service.post_json("/v1/requirements", {"document": document}).status == 201

        def rollout():
            return service.get("/v1/rollouts").json["rollouts"][0]

        wait_until(lambda: service.get("/v1/rollouts").json["rollouts"], 30)
        wait_until(lambda: rollout()["state"] == "replacing" or rollout()["servers"], BUILD_SECONDS)
        service.kill()
        service.start()
        wait_until(lambda: rollout()["state"] in ("succeeded", "failed"), 120)
        done = rollout()
        assert done["state"] == "succeeded", done
        assert {server["name"]: server["state"] for server in done["servers"]} == {
            "one": "replaced", "two": "replaced", "kept": "pinned"}
        assert all(server["from_image"] == first["image"] for server in done["servers"])
        runs = {each["name"]: each["image"] for each in service.get("/v1/instances").json["instances"]}
        assert runs == {"one": done["image"], "two": done["image"], "kept": first["image"]}
        assert done["image"] != first["image"] and len(service.get("/v1/builds").json["builds"]) == 2
        console = service.get("/v1/instances/one/console").body.decode()
        assert "u0: sealed" in console and "here" in console
    finally:
        assert service.stop() == 0


def test_what_was_prepared_is_compiled_by_no_build(builder, tmp_path):
    """Into the cache that the service uses just now: what is missing, and the next time nothing."""
    for name in ("console", "posix", "power", "validity"):
        shutil.copytree(ROOT / "builder_service/modules" / name, tmp_path / name)

    def prepare():
        done = subprocess.run([program("unikernel-builder"), "--prepare", "--modules", tmp_path, "--cache",
                               builder.folder / "cache"],
                              capture_output=True, text=True, timeout=BUILD_SECONDS, check=False,
                              env=builder.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    told = prepare()
    with_validity = "u0, application with all that is not for security, and validity: "
    assert any(line.startswith(with_validity) for line in told), told
    assert prepare()[-1].startswith("0 objects compiled, for 7 kinds of images; the cache is "), told
    build = built(builder, submit(builder, name="limited", modules={"validity": {"not_after": 4102444799}}))
    assert build["state"] == "succeeded", build["error"]
    assert build["objects"]["compiled"] <= 2, "the file with the image's name, and the application if it is not known"


def test_what_cannot_be_prepared_is_told(tmp_path):
    (tmp_path / "conf").write_text("modules = /nowhere\n")
    done = subprocess.run([program("unikernel-builder"), "--config", tmp_path / "conf", "--prepare"],
                          capture_output=True, text=True, timeout=60, check=False,
                          env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]})
    assert done.returncode == 1
    assert done.stderr.startswith("unikernel-builder: ") and "/nowhere" in done.stderr
