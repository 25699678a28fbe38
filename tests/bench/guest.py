# SPDX-License-Identifier: Apache-2.0
"""One virtual machine under QEMU: the same machine for unikernel and Linux."""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import command
from network import Link

QBOOT = Path("/usr/share/qemu/qboot.rom")   # the firmware that builder_service/hypervisor/firmware.cc prefers


@dataclass(frozen=True)
class Bootable:
    """What QEMU loads. `append` is completed with the guest's address at start."""

    name: str
    kernel: Path
    initrd: Path | None = None
    append: str = ""
    memory_mib: int = 128

    @property
    def size(self) -> int:
        """Bytes of all files needed to boot."""
        return self.kernel.stat().st_size + (self.initrd.stat().st_size if self.initrd else 0)


@dataclass(frozen=True)
class Machine:
    """What both guests have in common."""

    accelerator: str = "tcg"
    type: str = "pc"
    event_idx: bool = True
    count_instructions: bool = False
    processor: str | None = None
    firmware: Path | None = None   # None: QEMU's default, SeaBIOS


@dataclass
class Guest:
    bootable: Bootable
    link: Link
    machine: Machine
    memory_mib: int
    folder: Path
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.console = self.folder / "console.log"
        self._log = self.folder / "qemu.log"
        self._qmp_path = self.folder / "qmp"
        self._qmp: socket.socket | None = None
        for old in (self.console, self._qmp_path):
            old.unlink(missing_ok=True)
        self.started = time.monotonic()
        self._process = command.spawn(self.arguments(), self._log)

    def arguments(self) -> list[str | Path]:
        machine, link, boot = self.machine, self.link, self.bootable
        event_idx = "on" if machine.event_idx else "off"
        append = f"{boot.append} net.ip={link.guest_address} net.gw={link.gateway}".strip()
        if machine.count_instructions:
            append += " idle=halt"   # waiting awake is no work; Linux knows the words too
        words: list[str | Path] = [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot",
            "-display", "none", "-machine", machine.type, "-accel", machine.accelerator,
            "-smp", "1", "-m", str(self.memory_mib),
            "-kernel", boot.kernel, "-append", append,
            "-netdev", link.netdev,
            # No option ROM: the BIOS would spend 50 ms on network boot that nobody uses.
            "-device", f"virtio-net-pci,netdev=net0,mac={link.mac},romfile=,event_idx={event_idx}",
            "-object", "rng-random,id=rng0,filename=/dev/urandom",
            "-device", "virtio-rng-pci,rng=rng0",
            "-chardev", f"file,id=console,path={self.console}", "-serial", "chardev:console",
            "-qmp", f"unix:{self._qmp_path},server=on,wait=off",
        ]
        if machine.processor:
            words += ["-cpu", machine.processor]
        if machine.firmware:
            words += ["-bios", machine.firmware]
        if boot.initrd:
            words += ["-initrd", boot.initrd]
        if machine.count_instructions:
            words += ["-icount", "shift=0"]
        return words

    def alive(self) -> bool:
        return self._process.poll() is None

    def last_words(self) -> str:
        """The end of the console and of QEMU's own log, for error messages."""
        texts = [path.read_text(errors="replace").strip()[-1500:]
                 for path in (self.console, self._log) if path.exists()]
        return "\n".join(text for text in texts if text) or "(nothing on the console)"

    def qmp(self, execute: str, **arguments: Any) -> Any:
        """One command of QEMU's machine protocol (docs/interop/qmp-spec); its `return`."""
        if self._qmp is None:
            self._qmp = socket.socket(socket.AF_UNIX)
            self._qmp.settimeout(30)
            self._qmp.connect(str(self._qmp_path))
            self._lines = self._qmp.makefile("rw", encoding="utf-8")
            self._lines.readline()  # the greeting
            self.qmp("qmp_capabilities")
        self._lines.write(json.dumps({"execute": execute, "arguments": arguments}) + "\n")
        self._lines.flush()
        for line in self._lines:
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise command.CommandFailed(f"QMP {execute}: {answer['error']['desc']}")
        raise command.CommandFailed(f"QMP {execute}: the guest has ended\n{self.last_words()}")

    def executed_instructions(self) -> int:
        """Guest instructions executed since the start, halted time not counted.

        `query-replay` reports QEMU's raw instruction counter (replay/replay.c,
        icount_get_raw) under `-icount` even when nothing is recorded. Unlike the virtual
        clock it does not advance while the processor is halted.
        """
        return int(self.qmp("query-replay")["icount"])

    def processor_thread(self) -> int:
        """The host's id of the thread that is the virtual processor."""
        return int(self.qmp("query-cpus-fast")[0]["thread-id"])

    def threads(self) -> list[int]:
        """The host's ids of all of QEMU's threads."""
        return [int(name) for name in os.listdir(f"/proc/{self._process.pid}/task")]

    def processor_seconds(self) -> float:
        """Processor time of the whole QEMU process so far; hardly moved by the host's load."""
        cpuclock_sched = 2  # linux/posix-timers.h: a process's clock, named by its id
        return time.clock_gettime(~self._process.pid << 3 | cpuclock_sched)

    @contextlib.contextmanager
    def only_running(self, others: list["Guest"]) -> Iterator[None]:
        """Holds other guests still, so that their timers take no processor time."""
        for other in others:
            other.qmp("stop")
        try:
            yield
        finally:
            for other in others:
                other.qmp("cont")

    def close(self) -> None:
        if self._qmp is not None:
            self._lines.close()
            self._qmp.close()
        command.end(self._process)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._qmp_path)

    def __enter__(self) -> "Guest":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
