# SPDX-License-Identifier: Apache-2.0
"""A point that no module implements costs nothing: the machine code is that of the source without the call."""

import pathlib
import re
import shutil
import subprocess

import pytest

import images

ECHO = """
#include <sys/socket.h>
#include <unistd.h>
int main()
{
    char buffer[100];
    int fd = accept(socket(AF_INET, SOCK_STREAM, 0), nullptr, nullptr);
    return write(fd, buffer, static_cast<size_t>(read(fd, buffer, sizeof buffer))) < 0;
}
"""
CALL = re.compile(r'^.*\bhooks::stream_\w+(\.all)?\(.*\);\n', re.MULTILINE)


@pytest.fixture
def code_of(tmp_path):
    """Builds the echo server and returns the bytes of its executable segment."""
    source = tmp_path / 'source'
    source.mkdir()
    (source / 'main.cc').write_text(ECHO)

    def build(name: str, modules: dict, replaced: dict[str, pathlib.Path],
              platforms: pathlib.Path = images.PLATFORMS) -> bytes:
        work = tmp_path / name
        work.mkdir()
        test = {'modules': ['posix-sockets', *modules], 'configuration': modules, 'application': ['main.cc']}
        image = images.build(source, test, work, replaced, platforms)
        table = subprocess.run(['readelf', '-lW', image], capture_output=True, text=True, check=True).stdout
        offset, size = re.search(r'LOAD +(0x\w+) +0x\w+ +0x\w+ +(0x\w+) +0x\w+ +R E', table).groups()
        return image.read_bytes()[int(offset, 16):int(offset, 16) + int(size, 16)]

    return build


def without_calls(tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy of posix-sockets that calls no point."""
    copy = tmp_path / 'posix-sockets'
    shutil.copytree(images.ROOT / 'builder_service/modules/posix-sockets', copy)
    found = 0
    for source in copy.glob('*.cc'):
        text, count = CALL.subn('{}\n', source.read_text())  # the call may be all of an `if`
        source.write_text(text)
        found += count
        assert not CALL.search(text)
    assert found >= 5, 'every point is called somewhere'
    return copy


def test_points_without_implementers_leave_no_code(code_of, tmp_path):
    ordinary = code_of('ordinary', {}, {})
    deleted = code_of('deleted', {}, {'posix-sockets': without_calls(tmp_path)})
    assert ordinary == deleted


def test_whether_an_image_may_start_is_not_asked_where_nobody_answers(code_of, tmp_path):
    platforms = tmp_path / 'platforms'
    shutil.copytree(images.PLATFORMS, platforms)
    boot = platforms / 'u0/core/boot.cc'
    text = boot.read_text()
    assert 'hooks::boot_admit.all()' in text
    boot.write_text(text.replace('hooks::boot_admit.all()', 'true'))
    ordinary = code_of('ordinary', {}, {})
    assert ordinary == code_of('never-asked', {}, {}, platforms)
    assert ordinary != code_of('limited', {'validity': {'not_after': 4102444799}}, {})


def test_points_with_an_implementer_are_called(code_of):
    guard = {'http-guard': {'unlisted': 'deny', 'credentials': [], 'resources': []}}
    assert code_of('guarded', guard, {}) != code_of('ordinary', {}, {})
