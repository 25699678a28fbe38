# SPDX-License-Identifier: Apache-2.0
"""unikernel inspect and run refuse what is not exactly what was built."""

import random

import pytest


def test_shows_what_is_in_an_image(unikernel, images):
    result = unikernel("inspect", images["web"])
    assert result.code == 0, result
    assert "seal" in result.out and "intact" in result.out
    assert "virtio-net" in result.out and "posix-sockets" in result.out
    assert result.last_line.startswith("Next: unikernel run ")
    facts = unikernel("inspect", images["web"], "--json").json
    assert facts["bytes"] == images["web"].stat().st_size
    assert facts["description"]["name"] == "web"


def test_answers_for_one_module_what_was_found_of_it(unikernel, images):
    whole = unikernel("inspect", images["web"], "--json").json["description"]
    for module in whole["modules"]:
        answer = unikernel("inspect", images["web"], "--module", module["name"], "--json").json
        assert answer == {**module, "configuration": whole["configuration"][module["name"]]}
        assert ("configuration_digest" in module) == bool(answer["configuration"])
    shown = unikernel("inspect", images["web"], "--module", "lwip")
    assert "lwip.memory_reserve = 6" in shown.out and "posix" not in shown.out
    absent = unikernel("inspect", images["web"], "--module", "lwpi")
    assert absent.code == 1
    assert absent.error == "unikernel: the image has no module lwpi; did you mean lwip?\n"


def test_stored_image_is_found_by_name_and_by_the_beginning_of_its_digest(unikernel, images):
    facts = unikernel("inspect", images["hello"], "--json").json
    for reference in ("hello", facts["digest"], facts["digest"][7:19]):
        assert unikernel("inspect", reference, "--local", "--json").json == facts


@pytest.mark.parametrize("command", ["inspect", "run"])
def test_flipped_bit_is_refused(unikernel, images, tmp_path, command):
    data = images["hello"].read_bytes()
    generator = random.Random(20180423)
    for place in [0, 17, len(data) // 2, len(data) - 1] + [generator.randrange(len(data)) for _ in range(4)]:
        damaged = bytearray(data)
        damaged[place] ^= 1 << generator.randrange(8)
        (tmp_path / "damaged.img").write_bytes(damaged)
        result = unikernel(command, tmp_path / "damaged.img")
        assert result.code == 3, (place, result)
        assert "damaged.img" in result.error, result


@pytest.mark.parametrize("command", ["inspect", "run"])
def test_truncated_image_is_refused(unikernel, images, tmp_path, command):
    data = images["hello"].read_bytes()
    for length in (0, 1, 63, 64, 4096, len(data) // 2, len(data) - 1):
        (tmp_path / "short.img").write_bytes(data[:length])
        result = unikernel(command, tmp_path / "short.img")
        assert result.code == 3, (length, result)
        assert "short.img" in result.error, result


def test_other_things_are_refused_by_name(unikernel, tmp_path):
    assert unikernel("inspect", tmp_path).error == \
        f"unikernel: {tmp_path} is a folder, not an image; to make one: unikernel build {tmp_path}\n"
    assert unikernel("inspect", "./absent.img").error == "unikernel: ./absent.img: there is no such file\n"
    result = unikernel("inspect", "no-such-image", "--local")
    assert result.code == 3
    assert "neither a file nor the name or digest of a stored image" in result.error
