# SPDX-License-Identifier: Apache-2.0
"""unikernel build: what it makes, what it says, and what it refuses."""

import hashlib
import shutil

import pytest

from cli_command import SPEC, write_program


@pytest.fixture
def source(tmp_path):
    return write_program(tmp_path / "my app", "hello")


def test_image_is_named_by_its_digest_and_the_next_command_is_last(unikernel, source, images, tmp_path):
    file = tmp_path / "my image.img"
    result = unikernel("build", source, "--local", "--no-boot-check", "--output", file, seconds=280)
    assert result.code == 0, result
    assert hashlib.sha256(file.read_bytes()).hexdigest() in result.out
    assert result.last_line == f"Next: unikernel run '{file}'"
    assert "\x1b" not in result.out + result.error, "no terminal, no control sequences"
    assert [line.split()[0] for line in result.error.splitlines() if not line.startswith("  ")] == \
        ["plan", "resolve", "generate", "compile", "link", "verify", "store"]


def test_same_inputs_give_the_same_bytes(unikernel, source, images, tmp_path):
    assert unikernel("build", source, "--local", "--no-boot-check", "-o", tmp_path / "a", seconds=280).code == 0
    assert (tmp_path / "a").read_bytes() == images["hello"].read_bytes()


def test_json_is_one_document(unikernel, source, images):
    result = unikernel("build", source, "--local", "--no-boot-check", "--json", seconds=280)
    assert result.code == 0, result
    assert result.json["state"] == "succeeded"
    assert result.json["image"].startswith("sha256:")
    assert result.json["description"]["name"] == "hello"
    assert result.json["objects"]["compiled"] == 0, "all of it was built before"
    assert [phase["phase"] for phase in result.json["phases"]][-1] == "store"


def test_quiet_says_nothing_when_it_works(unikernel, source, images):
    result = unikernel("build", source, "--local", "--no-boot-check", "--quiet", seconds=280)
    assert (result.code, result.out, result.error) == (0, "", "")


def test_archive_with_its_own_spec_is_a_source_too(unikernel, source, images, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "app"), "gztar", source)
    result = unikernel("build", archive, "--local", "--no-boot-check", "--json", seconds=280)
    assert result.code == 0, result


def test_relative_paths_work(unikernel, source, images):
    assert unikernel("build", ".", "--local", "--no-boot-check", folder=source, seconds=280).code == 0


def test_boot_check_shows_the_last_lines_of_a_program_that_fails_at_once(unikernel, images, tmp_path):
    source = write_program(tmp_path / "app", "fails")
    result = unikernel("build", source, "--local", seconds=280)
    assert result.code == 1
    assert "unikernel: build boot-failed: " in result.error
    assert "cannot go on\n  u0: exit 3" in result.error


def test_compilers_own_words_reach_the_user_even_when_quiet(unikernel, source):
    (source / "main.cc").write_text("int main()\n{\n    return undeclared;\n}\n")
    for words in ([], ["--quiet"]):
        result = unikernel("build", source, "--local", *words, seconds=280)
        assert result.code == 1
        assert "main.cc:3:12: error: " in result.error, result
        assert "compile-failed" in result.error


@pytest.mark.parametrize("spec, message", [
    ("name: [", "unikernel.yaml"),
    (SPEC.format(name="x", modules="posx: {}"), "posx"),
    (SPEC.format(name="x", modules="posix: {max_files: 1000000000}"), "max_files"),
    (SPEC.format(name="x", modules="posix: {}") + "surprise: 1\n", "surprise"),
])
def test_bad_spec_is_rejected_by_name(unikernel, source, spec, message):
    (source / "unikernel.yaml").write_text(spec)
    result = unikernel("build", source, "--local", seconds=120)
    assert result.code == 3, result
    assert message in result.error


@pytest.mark.parametrize("asked, given, said", [
    ("unlisted: deny", "ports: [1]", "ports: spec sets it to [1] and requirements.staff leaves it at its default []"),
    ("unlisted: deny", "ports: [1], credentials: []", "ports: "),
    ("credentials: [{name: a, kind: bearer, secret: {plain: only-for-tests}}]",
     "credentials: [{name: b, kind: bearer, secret: {plain: only-for-tests}}]", "credentials: spec sets it to "),
])
def test_a_specification_loosens_nothing_that_a_requirement_counts_on(unikernel, source, tmp_path, asked, given, said):
    (source / "unikernel.yaml").write_text(SPEC.format(name="x", modules=f"http-guard: {{{given}}}"))
    requirement = tmp_path / "staff.yaml"
    requirement.write_text(f"name: staff\napplies_to: {{everything: true}}\nmodules: {{http-guard: {{{asked}}}}}\n")
    result = unikernel("build", source, "--local", "--requirement", requirement, seconds=120)
    assert result.code == 3, result
    assert f"module http-guard, option {said}" in result.error
    assert "requirements only add or tighten, so one of the two must change" in result.error
    assert "only-for-tests" not in result.error


def test_what_a_requirement_delegates_is_the_applications_to_set(unikernel, source, tmp_path):
    (source / "unikernel.yaml").write_text(SPEC.format(
        name="x", modules="http-guard: {realm: ours, resources: [{path: /a, accept: []}], audit: true}"))
    requirement = tmp_path / "staff.yaml"
    requirement.write_text("name: staff\napplies_to: {everything: true}\nmodules: {http-guard: {unlisted: deny}}\n")
    result = unikernel("build", source, "--local", "--no-boot-check", "--requirement", requirement, seconds=280)
    assert result.code == 0, result


def test_folder_without_a_spec_says_what_is_missing(unikernel, source):
    (source / "unikernel.yaml").unlink()
    result = unikernel("build", source, "--local")
    assert result.code == 3
    assert result.error == (f"unikernel: {source}: there is no unikernel.yaml in it, which says what to build; "
                            "write one or name another file with --spec\n")


def test_missing_files_are_named(unikernel, source, tmp_path):
    assert unikernel("build", tmp_path / "absent", "--local").error == \
        f"unikernel: {tmp_path / 'absent'}: there is no such file or folder\n"
    result = unikernel("build", source, "--local", "--requirement", tmp_path / "absent.yaml")
    assert result.code == 3 and "absent.yaml" in result.error
    result = unikernel("build", source, "--local", "--output", tmp_path / "absent/x.img")
    assert result.code == 2 and "there is no such folder" in result.error


def test_missing_secret_is_named_before_anything_is_built(unikernel, source, tmp_path):
    requirement = tmp_path / "r.yaml"
    requirement.write_text("name: r\napplies_to: everything\nmodules:\n  http-guard:\n    credentials:\n"
                           "      - {name: a, kind: bearer, secret: {from_env: NO_SUCH_SECRET}}\n")
    result = unikernel("build", source, "--local", "--requirement", requirement)
    assert result.code == 3
    assert "the environment variable NO_SUCH_SECRET is not set; do: export NO_SUCH_SECRET=..." in result.error


def test_without_a_service_both_ways_out_are_named(unikernel, source):
    result = unikernel("build", source)
    assert result.code == 4
    assert "no builder service answers at http://127.0.0.1:1" in result.error
    assert "unikernel-builder" in result.error and "--local" in result.error
