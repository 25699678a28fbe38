# SPDX-License-Identifier: Apache-2.0
"""The real `openstack` command with the plugin installed, against the real service."""

import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import uuid

import pytest
import yaml
from service_process import wait_until

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def source(tmp_path):
    """source(lines="3", ...): a folder that the stub builds as the labels say."""
    def write(**labels):
        folder = tmp_path / "app"
        folder.mkdir(exist_ok=True)
        (folder / "main.cc").write_text("int main() {}\n")
        (folder / "unikernel.yaml").write_text(yaml.safe_dump({"name": "app", "labels": labels}))
        return folder
    return write


def test_lists_its_commands(openstack):
    told = openstack("--help").out
    for command in ("build create", "image save", "module show", "platform list", "requirement set"):
        assert f"unikernel {command}" in told


@pytest.mark.parametrize("form, read", [
    ("json", json.loads), ("yaml", yaml.safe_load),
    ("value", lambda text: dict(zip(("name", "state"), text.splitlines()))),
    ("shell", lambda text: dict(re.findall(r'(\w+)="(.*)"', text)))])
def test_results_are_for_programs_too(openstack, source, form, read):
    result = openstack("build", "create", "--spec", source(), "--wait", "-f", form, "-c", "name", "-c", "state")
    assert (result.code, read(result.out)) == (0, {"name": "app", "state": "succeeded"}), result


def test_waits_with_the_log_on_standard_error_and_says_what_comes_next(openstack, source):
    result = openstack("build", "create", "--spec", source(lines="2"), "--wait")
    assert result.code == 0 and "| state    | succeeded" in result.out
    lines = result.error.splitlines()
    assert [line for line in lines if line.startswith(("plan", "compile", "end"))] == [
        "plan     merging the spec and its requirements", "compile  compiling", "end      succeeded"]
    assert lines.count("  | xxxxxxxxxx") == 2
    digest = re.search(r"sha256:\w+", result.last_line).group()
    assert result.last_line == f"Next: openstack unikernel image save {digest} --file app.img"


def test_without_wait_it_says_how_to_follow(openstack, source):
    result = openstack("build", "create", "--spec", source(lines="2"), "-f", "json")
    assert result.last_line == "Next: openstack unikernel build log " + result.json["id"]
    log = openstack("build", "log", result.json["id"])
    assert log.code == 0 and log.out.splitlines()[-1] == "end      succeeded"
    shown = openstack("build", "show", result.json["id"], "-f", "json").json
    assert (shown["state"], shown["name"]) == ("succeeded", "app") and shown["image"].startswith("sha256:")
    row, = openstack("build", "list", "-f", "json").json
    assert (row["ID"], row["Name"], row["State"]) == (shown["id"], "app", "succeeded")


def test_a_failed_build_is_a_failed_command_with_the_reason(openstack, source):
    labels = {"state": "compile-failed", "error": "main.cc:1:1: error: wrong"}
    result = openstack("build", "create", "--spec", source(**labels), "--wait")
    assert (result.code, result.out) == (1, "")
    assert re.fullmatch(r"build [0-9a-f-]{36}: compile-failed: main.cc:1:1: error: wrong", result.last_line)
    build_id = result.last_line.split()[1][:-1]
    assert openstack("build", "log", build_id).code == 1


def test_cancels_a_build(openstack, source, client):
    build_id = openstack("build", "create", "--spec", source(sleep_ms="60000"), "-f", "value", "-c", "id").out.strip()
    assert openstack("build", "cancel", build_id).code == 0
    assert client.builds.wait(build_id)["state"] == "cancelled"


@pytest.mark.parametrize("options, state, words", [
    ((), "running", "goes on\nNext: openstack unikernel build log {id}\n  or: openstack unikernel build cancel {id}"),
    (("--cancel-on-interrupt",), "cancelled", "is cancelled")])
def test_ctrl_c(openstack, source, client, options, state, words):
    running = openstack.start("build", "create", "--spec", source(sleep_ms="30000"), "--wait", *options)
    assert any("compiling" in line for line in running.stderr)
    running.send_signal(signal.SIGINT)
    error = running.communicate(timeout=20)[1]
    build, = client.builds.list()
    assert running.returncode == 130 and words.format(id=build["id"]) in error
    wait_until(lambda: client.builds.get(build["id"])["state"] == state)


def test_on_a_terminal_a_phase_is_one_live_line(openstack, source):
    terminal, end = pty.openpty()
    done = subprocess.run([*openstack.command, "build", "create", "--spec", source(lines="1"), "--wait"],
                          stdout=subprocess.DEVNULL, stderr=end, env=openstack.environment)
    os.close(end)
    shown = os.read(terminal, 10_000).decode()
    os.close(terminal)
    assert done.returncode == 0
    assert "\r\033[Kcompile  compiling\r\033[K  | xxxxxxxxxx\r\n" in shown


@pytest.mark.parametrize("words, told", [
    ((), "say what to build: --spec FOLDER, or --bundle PATH"),
    (("--spec", "none"), "none: there is no such file; it says what to build"),
    (("--spec", "."), "unikernel.yaml: there is no such file; it says what to build"),
    (("--bundle", "none.tar"), "--bundle none.tar: there is no such file or folder"),
    (("--spec", "app", "--requirement", "none.yaml"), "--requirement none.yaml: there is no such file"),
    (("--spec", "app", "--no-publish", "--name", "x"), "that --no-publish leaves out"),
    (("--spec", "app", "--image-id", "x"), "invalid UUID value: 'x'"),
    (("--spec", "app", "--requirement", str(EXAMPLES / "requirements" / "staff-only.yaml")),
     "modules.http-guard.credentials[0].secret.from_env: the environment variable STAFF_PASSWORD is not set; "
     "do: export STAFF_PASSWORD=..."),
    (("--spec", "bad.yaml"), "bad.yaml:2:1: key \"name\" appears twice"),
    (("--spec", "links"), "links are refused; use a copy"),
])
def test_mistakes_are_explained_before_anything_is_sent(openstack, source, client, tmp_path, words, told):
    source()
    (tmp_path / "bad.yaml").write_text("name: a\nname: b\n")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "unikernel.yaml").symlink_to("../app/unikernel.yaml")
    result = openstack("build", "create", *words, folder=tmp_path)
    assert result.code in (1, 2) and told in result.error, result
    assert client.builds.list() == []


def test_what_the_service_refuses_is_shown_with_its_request_id(openstack, source):
    result = openstack("build", "create", "--spec", source(digest="invalid"))
    assert result.code == 1
    assert re.fullmatch(r"spec.name: the stub refuses it \(spec.invalid, req-[0-9a-f-]{36}\)", result.last_line)


def test_no_service_answers(openstack):
    result = openstack("build", "list", OS_ENDPOINT="http://127.0.0.1:1")
    assert result.code == 1 and "the builder service does not answer" in result.error


def test_spec_beside_another_source(openstack, source, tmp_path, client):
    folder = source()
    (tmp_path / "other.yaml").write_text("name: other\n")
    assert openstack("build", "create", "--spec", tmp_path / "other.yaml", "--bundle", folder, "--wait").code == 0
    assert openstack("build", "create", "--spec", tmp_path / "other.yaml", "--bundle", folder, "--wait").code == 0
    build, = client.builds.list()
    assert build["name"] == "other"


def test_images(openstack, source, tmp_path, client):
    digest = openstack("build", "create", "--spec", source(), "--wait", "-f", "value", "-c", "image").out.strip()
    row, = openstack("image", "list", "-f", "json").json
    assert (row["Digest"], row["Name"]) == (digest, "app")
    shown = openstack("image", "show", "app", "-f", "json").json
    assert (shown["digest"], shown["name"], shown["platform"]) == (digest, "app", "u0")
    saved = openstack("image", "save", digest, "--file", tmp_path / "app.img")
    assert saved.code == 0 and saved.last_line == f"Next: unikernel run {tmp_path}/app.img"
    assert (tmp_path / "app.img").read_bytes() == b"".join(client.images.data(digest)[0])
    assert "/none/app.img" in openstack("image", "save", digest, "--file", "/none/app.img").error
    deleted = openstack("image", "delete", "none", digest)
    assert deleted.code == 1 and "0 images have the name none" in deleted.error and client.images.list() == []


def test_modules_and_platforms(openstack):
    result = openstack("module", "list", "-f", "json")
    kinds = {row["Name"]: row["Kind"] for row in result.json}
    assert kinds["http-guard"] == "security" and result.last_line == "Next: openstack unikernel module show NAME"
    assert openstack("module", "show", "console", "-f", "json").json["options"]["speed"]["default"] == 115200
    assert "minimum: 300" in openstack("module", "show", "console").out
    platform, = openstack("platform", "list", "-f", "json").json
    assert platform["Name"] == "u0" and platform["Accelerators"] == ["tcg"]
    assert openstack("platform", "show", "u0", "-f", "json").json["architectures"] == ["x86_64"]
    assert "there is no platform u7; there are: u0" in openstack("platform", "show", "u7").error


def test_a_real_image_from_the_example(real, tmp_path):
    result = real("build", "create", "--spec", EXAMPLES / "hello-world", "--no-boot-check", "--wait", "-f", "json")
    assert result.code == 0 and result.json["state"] == "succeeded", result
    assert "objects compiled" in result.error
    assert real("image", "save", "hello-world", "--file", tmp_path / "hello.img").code == 0
    assert (tmp_path / "hello.img").read_bytes()[:4] == b"\x7fELF"
    uploaded = real("image", "upload", "--file", tmp_path / "hello.img", "-f", "json")
    assert uploaded.code == 0 and uploaded.json["digest"] == result.json["image"]
    with open(tmp_path / "hello.img", "r+b") as file:
        file.seek(100_000)
        file.write(b"other")
    assert "image.invalid" in real("image", "upload", "--file", tmp_path / "hello.img").error


def test_the_compilers_own_words_end_a_failed_build(real, tmp_path):
    (tmp_path / "main.cc").write_text("int main()\n{\n    return missing;\n}\n")
    (tmp_path / "unikernel.yaml").write_text("name: wrong\nplatform: u0\napplication: {sources: [main.cc]}\n")
    result = real("build", "create", "--spec", tmp_path, "--no-boot-check", "--wait")
    assert result.code == 1 and "main.cc:3:12: error: " in result.error and "missing" in result.error


def test_a_sealed_requirement_is_accepted_by_the_real_service(real, builder):
    result = real("build", "create", "--spec", EXAMPLES / "hello-web", "--no-boot-check", "--wait", "-f", "json",
                  "--requirement", EXAMPLES / "requirements" / "staff-only.yaml", STAFF_PASSWORD="correct horse")
    assert result.code == 0, result
    image = real("image", "show", result.json["image"], "-f", "json").json
    assert "http-guard" in " ".join(image["modules"])
    assert image["configuration"]["http-guard"]["credentials"][0]["secret"] == {"sealed": True}
    stored = b"".join(file.read_bytes() for file in builder.state.rglob("*") if file.is_file())
    assert b"correct horse" not in stored


def test_an_image_id_must_be_a_uuid(openstack, source):
    assert openstack("build", "create", "--spec", source(), "--image-id", uuid.uuid4().hex[:8]).code == 2
