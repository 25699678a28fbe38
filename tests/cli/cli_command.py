# SPDX-License-Identifier: Apache-2.0
"""Runs the command line as its users do, and writes small programs for it to build."""

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def program_file():
    build = pathlib.Path(os.environ.get("UNIKERNEL_BUILD_DIR", ROOT / "build" / "release"))
    path = build / "bin" / "unikernel"
    assert path.exists(), f"{path} is missing: build it, or set UNIKERNEL_BUILD_DIR"
    return str(path)


@dataclasses.dataclass
class Result:
    code: int
    out: str
    error: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def last_line(self):
        return self.out.strip().splitlines()[-1]


class Command:
    """The program with a state folder of its own; caches of objects and sources are the user's."""

    def __init__(self, state):
        self.state = state

    def _words(self, words):
        words = [str(word) for word in words]
        takes_state = words and words[0] in ("build", "run", "inspect", "module", "platform", "repository", "doctor",
                                             "ps", "stop", "console")
        if takes_state and words[:2] not in (["module", "lint"], ["repository", "pack"]):
            at = words.index("--") if "--" in words else len(words)
            words[at:at] = ["--state", str(self.state)]
        return [program_file(), *words]

    def _environment(self, environment):
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("UNIKERNEL_")}
        # Nothing answers at port 1. A killed command leaves its temporary folder, here among the test's own.
        return {**inherited, "TMPDIR": str(self.state), "UNIKERNEL_SERVICE": "http://127.0.0.1:1",
                **(environment or {})}

    def __call__(self, *words, seconds=60, environment=None, folder=None):
        done = subprocess.run(self._words(words), capture_output=True, text=True, timeout=seconds,
                              env=self._environment(environment), cwd=folder, stdin=subprocess.DEVNULL)
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, *words, environment=None):
        return Running(self._words(words), self._environment(environment))


class Running:
    """A command in the background; its output goes to it line by line."""

    def __init__(self, words, environment):
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        env=environment, stdin=subprocess.DEVNULL, bufsize=1)
        self.lines = []

    def wait_for_line(self, text, seconds=60):
        """Reads until a line holds the text; answers that line."""
        deadline = time.monotonic() + seconds
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if text in line:
                return self.lines[-1]
            assert time.monotonic() < deadline, self.lines
        raise AssertionError(f"it ended without {text!r}: {self.lines}")

    def signal(self, number=signal.SIGINT):
        self.process.send_signal(number)

    def finish(self, seconds=60):
        rest, _ = self.process.communicate(timeout=seconds)
        self.lines += rest.splitlines()
        return self.process.returncode


def guests_of(image):
    """Process ids of QEMU processes that run this image."""
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"qemu" in words[0] and str(image).encode() in words:
                found.append(int(folder.name))
    return found


SPEC = """\
name: {name}
platform: u0
application:
  sources: [main.cc]
  language: c++20
modules: {{{modules}}}
"""

WEB = r"""
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>
#include <cstdio>
#include <string>
int main()
{
    const int server = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(80);
    if (bind(server, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(server, 8) != 0)
        return 1;
    std::puts("listening");
    std::fflush(stdout);
    for (;;) {
        const int client = accept(server, nullptr, nullptr);
        char request[1024];
        if (read(client, request, sizeof request) > 0) {
            const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
            if (write(client, answer.data(), answer.size()) < 0)
                std::puts("write failed");
        }
        close(client);
    }
}
"""

#: name -> (source, modules): what the tests of this folder run
PROGRAMS = {
    "hello": ('#include <cstdio>\nint main(int argc, char** argv)\n{\n    std::puts("hello");\n'
              '    for (int i = 1; i < argc; ++i)\n        std::printf("argument %s\\n", argv[i]);\n}\n', "posix: {}"),
    "fails": ('#include <cstdio>\nint main()\n{\n    std::puts("cannot go on");\n    return 3;\n}\n', "posix: {}"),
    "wild": ('#include <cstdio>\nint main()\n{\n    std::puts("before");\n    std::fflush(stdout);\n'
             '    *reinterpret_cast<volatile int*>(0x7f0000001000) = 1;\n}\n', "posix: {}"),
    "web": (WEB, "posix-sockets: {}, static-ip: {}"),
}


def write_program(folder, name):
    source, modules = PROGRAMS[name]
    folder.mkdir(parents=True)
    (folder / "main.cc").write_text(source)
    (folder / "unikernel.yaml").write_text(SPEC.format(name=name, modules=modules))
    return folder
