# SPDX-License-Identifier: Apache-2.0
"""A build's events for people, on standard error: one live line on a terminal, plain lines in a pipe."""

import re
import shutil
import sys

_UNPRINTABLE = re.compile(r"[^\t -~\u00a0-\U0010ffff]")  # control characters, which could move the cursor


class Progress:
    """Called with each event of a build."""

    def __init__(self, stream=None):
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()

    def __call__(self, event):
        text = _UNPRINTABLE.sub("?", event["text"])
        if event["kind"] == "phase":
            self._phase(f"{event['phase']:<9}{text}")
        elif event["kind"] == "log":
            self._line(f"  | {text}")
        elif event["kind"] == "warning":
            self._line(f"warning: {text}")
        else:
            self._line(f"{'end':<9}{event.get('state', '')}")

    def _phase(self, text):
        if self._terminal:  # stays until the next line overwrites it
            width = shutil.get_terminal_size().columns - 1
            self._write("\r\033[K" + text[:width])
        else:
            self._line(text)

    def _line(self, text):
        self._write(("\r\033[K" if self._terminal else "") + text + "\n")

    def _write(self, text):
        self._stream.write(text)
        self._stream.flush()
