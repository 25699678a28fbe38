# SPDX-License-Identifier: Apache-2.0
"""The options that every benchmark has."""

import argparse
from collections.abc import Sequence
from pathlib import Path


class Options(argparse.ArgumentParser):
    """Of `tools/bench.sh NAME`, which consists of `stages`; the list `only` of its result holds those to be run."""

    def __init__(self, name: str, description: str, stages: Sequence[str], quick: str, more: str = "") -> None:
        super().__init__(prog=f"tools/bench.sh {name}", description=description)
        self._stages = stages
        self.add_argument("--quick", action="store_true", help=quick)
        self.add_argument("--check", action="store_true", help="exit status 1 if a goal is missed")
        self.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
        self.add_argument("--only", metavar="STAGE[,...]", default=",".join(stages),
                          help=f"these measurements alone: {', '.join(stages)}{more}")

    def chosen(self, words: Sequence[str]) -> argparse.Namespace:
        result = self.parse_args(words)
        result.only = result.only.split(",")
        for stage in result.only:
            if stage not in self._stages:
                self.error(f"--only: there is no '{stage}'; there are {', '.join(self._stages)}")
        return result
