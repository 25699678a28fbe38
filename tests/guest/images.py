# SPDX-License-Identifier: Apache-2.0
"""Builds the image of a guest test with the product's own command line."""

import json
import os
import pathlib
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLATFORMS = ROOT / 'builder_service/platforms'
UNIKERNEL = pathlib.Path(os.environ.get('UNIKERNEL_BUILD_DIR', ROOT / 'build/release')) / 'bin/unikernel'


def specification(folder: pathlib.Path, test: dict) -> dict:
    """The image specification that a test.yaml stands for."""
    configuration = test.get('configuration', {})
    modules = {name: configuration.get(name, {}) for name in test['modules']}
    spec = {'name': folder.name, 'platform': 'u0', 'modules': modules}
    if 'application' in test:
        spec['application'] = {'sources': test['application'],
                               'language': test.get('language', 'c++20')}
    return spec


def module_repository(folder: pathlib.Path, work: pathlib.Path,
                      replaced: dict[str, pathlib.Path], platforms: pathlib.Path) -> pathlib.Path:
    """The product's modules and, where the test brings one, its own beside them; `replaced` wins."""
    data = work / 'data'
    (data / 'modules').mkdir(parents=True)
    (data / 'platforms').symlink_to(platforms)
    for module in (ROOT / 'builder_service/modules').iterdir():
        (data / 'modules' / module.name).symlink_to(replaced.get(module.name, module))
    if (folder / 'module.yaml').exists():
        (data / 'modules' / folder.name).symlink_to(folder)
    return data


def build(folder: pathlib.Path, test: dict, work: pathlib.Path,
          replaced: dict[str, pathlib.Path] | None = None, platforms: pathlib.Path = PLATFORMS) -> pathlib.Path:
    """The finished image's file, in `work`. Fails with the builder's own words.

    Builds in sibling folders share their cache of compiled objects.
    """
    spec = work / 'unikernel.yaml'
    spec.write_text(yaml.safe_dump(specification(folder, test)))
    image = work / 'image'
    source = folder
    if 'application' not in test:   # a module alone: no source to hand over
        source = work / 'empty'
        source.mkdir()
    data = module_repository(folder, work, replaced or {}, platforms)
    environment = dict(os.environ, UNIKERNEL_DATA=str(data))
    done = subprocess.run(
        [UNIKERNEL, 'build', source, '--spec', spec, '--output', image, '--local',
         '--state', work.parent / 'state', '--no-boot-check', '--json'],
        env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f'{done.stdout}\n{done.stderr}'
    assert json.loads(done.stdout)['state'] == 'succeeded'
    return image
