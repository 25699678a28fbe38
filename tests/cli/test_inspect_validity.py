# SPDX-License-Identifier: Apache-2.0
"""Images whose time is limited, from the command line."""

import hashlib

import yaml

from cli_command import write_program


def build(unikernel, tmp_path, not_after, *more):
    source = write_program(tmp_path / f"until-{not_after}", "hello")
    spec = tmp_path / "limited.yaml"
    document = yaml.safe_load((source / "unikernel.yaml").read_text())
    document["modules"] = {**(document.get("modules") or {}), "validity": {"not_after": not_after}}
    spec.write_text(yaml.safe_dump(document))
    return unikernel("build", source, "--spec", spec, "--local", "--output", tmp_path / "limited.img", *more,
                     seconds=280)


def test_an_image_that_is_valid_passes_its_boot_check_and_says_until_when(unikernel, tmp_path):
    result = build(unikernel, tmp_path, 4102444799)
    assert result.code == 0, result
    shown = unikernel("inspect", tmp_path / "limited.img")
    assert "until 2099-12-31T23:59:59Z" in shown.out and "warning" not in shown.error
    note = unikernel("inspect", tmp_path / "limited.img", "--json").json["description"]
    assert note["not_after"] == "2099-12-31T23:59:59Z"
    module = unikernel("inspect", tmp_path / "limited.img", "--module", "validity", "--json").json
    assert module["configuration"] == {"not_after": 4102444799}


def test_a_time_that_is_over_is_refused_before_anything_is_compiled(unikernel, tmp_path):
    result = build(unikernel, tmp_path, 1577836800)
    assert result.code == 3, result
    assert "modules.validity.not_after: 2020-01-01T00:00:00Z is over (now it is " in result.error
    assert "give a time that is to come" in result.error
    assert not (tmp_path / "limited.img").exists()


def test_times_that_no_clock_can_show_are_refused(unikernel, tmp_path):
    for time, message in ((4102444800, "is over the maximum 4102444799"), (1, "is under the minimum 946684800"),
                          ("tomorrow", "not_after")):
        result = build(unikernel, tmp_path, time)
        assert result.code == 3 and message in result.error, result


def test_what_is_over_is_shown_with_a_warning(unikernel, tmp_path):
    assert build(unikernel, tmp_path, 4102444799, "--no-boot-check").code == 0
    image = bytearray((tmp_path / "limited.img").read_bytes().replace(
        b'"not_after":"2099-12-31T23:59:59Z"', b'"not_after":"2020-12-31T23:59:59Z"'))
    image[-32:] = bytes(32)
    image[-32:] = hashlib.sha256(image).digest()   # time did not pass; the seal is that of a file that is in order
    (tmp_path / "limited.img").write_bytes(image)
    for words in ((), ("--module", "validity")):
        shown = unikernel("inspect", tmp_path / "limited.img", *words)
        assert shown.code == 0
        assert "warning: the image was valid until 2020-12-31T23:59:59Z; it refuses to serve." in shown.error
