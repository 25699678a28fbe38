# SPDX-License-Identifier: Apache-2.0
"""Child processes: run to the end with a limit, or started with the life of this process."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


class CommandFailed(RuntimeError):
    """A tool ended with an error; the text holds its own last words."""


def run(arguments: Sequence[str | Path], timeout: float = 120, cwd: Path | None = None,
        environment: dict[str, str] | None = None) -> str:
    """Standard output of a command, whose environment is ours and `environment`.
    Raises CommandFailed with the end of its standard error."""
    words = [str(word) for word in arguments]
    try:
        done = subprocess.run(words, cwd=cwd, timeout=timeout, capture_output=True, text=True,
                              errors="replace", check=False, env=os.environ | (environment or {}))
    except FileNotFoundError as missing:
        raise CommandFailed(f"{words[0]}: not installed") from missing
    except subprocess.TimeoutExpired as late:
        raise CommandFailed(f"{' '.join(words)}: not done after {timeout:.0f} s") from late
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise CommandFailed(f"{' '.join(words)}: exit status {done.returncode}\n{said}")
    return done.stdout


def cache_folder() -> Path:
    """The product's cache: third-party sources, objects, and ours in bench/."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unikernel"


def _die_with_parent() -> None:
    # A benchmark that is killed with SIGKILL cannot clean up; the kernel does it then.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(arguments: Sequence[str | Path], log: Path) -> subprocess.Popen[bytes]:
    """Starts a process that ends when this one ends, in whatever way. Its output goes to `log`."""
    with open(log, "wb") as output:
        return subprocess.Popen([str(word) for word in arguments], stdin=subprocess.DEVNULL,
                                stdout=output, stderr=subprocess.STDOUT,
                                preexec_fn=_die_with_parent, close_fds=True)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends one process by its id and waits for it. A process that has ended is no error."""
    if process.poll() is None:
        process.kill()
    process.wait()


def unshare_network() -> bool:
    """Moves this process into a network namespace of its own, which vanishes with its last
    process. False where neither root nor user namespaces allow it."""
    new_network, new_user = 0x40000000, 0x10000000
    user, group = os.getuid(), os.getgid()
    if user == 0:
        return _libc.unshare(new_network) == 0
    if _libc.unshare(new_user | new_network) != 0:
        return False
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1", encoding="ascii")
    return True
