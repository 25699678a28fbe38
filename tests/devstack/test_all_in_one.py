# SPDX-License-Identifier: Apache-2.0
"""The scripts of the all-in-one cloud, as far as they need no cloud."""
import pathlib
import re
import signal
import subprocess
import time

LIB = pathlib.Path(__file__).resolve().parents[2] / 'devstack/allinone/lib'


def children(process):
    return pathlib.Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text().split()


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_first_process_lives_on_when_it_is_told_to_end():
    """All of the cloud would end with it, in the middle of what it writes."""
    script = (LIB / 'first-process.sh').read_text()
    settings = re.search(r'^set -.*$', script, re.M).group()
    process = subprocess.Popen(['bash', '-c', settings + '\n' + script[script.index('\ntrap '):]],
                               start_new_session=True)

    def told():
        process.send_signal(signal.SIGTERM)
        return process.poll() is not None or len(children(process)) > 2  # one more each time it has heard it
    try:
        wait_for(lambda: children(process))
        wait_for(told)
        assert process.poll() is None
    finally:
        subprocess.run(['kill', '-KILL', '--', f'-{process.pid}'], check=False)
        process.wait()
