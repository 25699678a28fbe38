# SPDX-License-Identifier: Apache-2.0
"""unikernel run, ps and stop with real guests."""

import signal
import socket
import time
import urllib.request

import pytest

from cli_command import guests_of


def ended(image, seconds=10):
    """Whether all guests of the image go away in time."""
    deadline = time.monotonic() + seconds
    while guests_of(image):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def web(unikernel, images):
    """web(*options): the web server, started, with its URL."""
    started = []

    def begin(*options):
        running = unikernel.start("run", images["web"], "--forward", "0:80", *options)
        started.append(running)
        running.url = running.wait_for_line("http://").split()[0]
        running.wait_for_line("listening")
        return running

    yield begin
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
            running.process.communicate()


def test_console_streams_and_the_applications_status_counts(unikernel, images):
    result = unikernel("run", images["hello"])
    assert result.code == 0, result
    lines = result.out.splitlines()
    assert lines[0].startswith("u0: hello ") and lines[-2:] == ["hello", "u0: exit 0"]
    result = unikernel("run", images["fails"])
    assert result.code == 1
    assert "cannot go on\nu0: exit 3\n" in result.out
    assert "its application exited with status 3" in result.error


def test_machine_q35_boots_too(unikernel, images):
    assert unikernel("run", images["hello"], "--machine", "q35").code == 0


def test_crash_is_told_from_an_exit(unikernel, images):
    result = unikernel("run", images["wild"])
    assert result.code == 1
    assert "before\nu0: panic: " in result.out
    assert "wild ended after" in result.error and "it panicked: " in result.error


def test_quiet_shows_the_last_lines_of_what_failed(unikernel, images):
    result = unikernel("run", images["fails"], "--quiet")
    assert result.code == 1 and result.out == ""
    assert "  cannot go on\n  u0: exit 3\n" in result.error


def test_json_tells_the_end(unikernel, images):
    result = unikernel("run", images["fails"], "--json")
    assert result.code == 1
    assert result.json["status"] == 3 and result.json["console"][-1] == "u0: exit 3"
    assert result.json["accelerator"] in ("kvm", "tcg")


def test_arguments_after_two_dashes_reach_the_application(unikernel, images, tmp_path):
    console = tmp_path / "console.log"
    result = unikernel("run", images["hello"], "--console", console, "--", "--json", "x=1")
    assert "argument --json\nargument x=1\n" in result.out
    assert "argument x=1" in console.read_text(), "the log stays"


def test_stored_image_runs_by_name(unikernel, images):
    assert unikernel("run", "hello", "--local").code == 0


def test_web_server_answers_and_ctrl_c_pushes_the_power_button(web, images):
    running = web()
    with urllib.request.urlopen(running.url, timeout=20) as answer:
        assert answer.read() == b"hello"
    running.signal(signal.SIGINT)
    assert running.finish() == 0
    assert "u0: power button" in running.lines
    assert running.lines[-1].endswith("it was stopped")
    assert ended(images["web"])


def test_ps_lists_and_stop_stops(unikernel, web, images):
    running = web("--name", "shop")
    listed = unikernel("ps", "--json").json
    assert [instance["name"] for instance in listed] == ["shop"]
    assert listed[0]["forwards"][0]["host"] == int(running.url.rstrip("/").rsplit(":", 1)[1])
    assert "shop" in unikernel("ps").out
    result = unikernel("run", images["web"], "--name", "shop")
    assert result.code == 1 and "an instance shop is running already" in result.error
    assert unikernel("stop", "shp").error == 'unikernel: no instance "shp" runs here; did you mean shop?\n'
    result = unikernel("stop", "shop")
    assert (result.code, result.out) == (0, "stopped shop\n")
    assert running.finish() == 0
    assert unikernel("ps", "--json").json == []


def test_killed_command_leaves_no_guest_behind(unikernel, web, images):
    running = web("--name", "orphan")
    assert guests_of(images["web"])
    running.signal(signal.SIGKILL)
    running.process.communicate(timeout=20)
    assert ended(images["web"]), "the guest outlived its command"
    assert unikernel("ps", "--json").json == []
    assert not list(unikernel.state.glob("unikernel-run*")), "its folder was left"


def test_port_in_use_is_said_so(unikernel, images):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = unikernel("run", images["web"], "--forward", f"{taken.getsockname()[1]}:80")
    assert result.code == 1
    assert "the host port is in use or may not be opened; choose another one, or 0 for a free one" in result.error


@pytest.mark.parametrize("words, code, message", [
    (["--memory", "1"], 3, "1 MiB of memory are too few: the image needs at least "),
    (["--memory", "-5"], 2, "--memory"),
    (["--machine", "microvm"], 3, 'machine "microvm" is unknown; choose pc or q35'),
    (["--forward", "8080:80"], 3, "the image has no network card"),
    (["--forward", "80:80000"], 2, '--forward 80:80000: "80000" is not a number from 1 to 65535'),
    (["--name", "a b"], 3, 'instance name "a b" must be 1 to 63 letters'),
    (["--", "two words"], 3, "argument 1 of the application is empty or holds a space"),
    (["--", "x" * 2100], 3, "the limit is 2047"),
    (["--connect", "qemu+unix:///session?socket=/nonexistent"], 4, "does not answer"),
])
def test_bad_options_are_refused_by_name(unikernel, images, words, code, message):
    result = unikernel("run", images["hello"], *words)
    assert result.code == code, result
    assert message in result.error
