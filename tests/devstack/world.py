# SPDX-License-Identifier: Apache-2.0
"""A machine's /etc and /opt/stack for the plugin to work on, made of folders of a test in a mount namespace."""
import atexit
import functools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

TESTS = pathlib.Path(__file__).resolve().parent
ROOT = TESTS.parents[1]
BUILD = pathlib.Path(os.environ.get('UNIKERNEL_BUILD_DIR', ROOT / 'build/release')).resolve()
PACKAGES = pathlib.Path('/usr/lib/python3/dist-packages')
EDGES = ('a2enmod', 'a2ensite', 'apt-get', 'cmake', 'curl', 'lsb_release', 'openstack', 'sudo', 'systemctl')
COPIED_FROM_ETC = ('alternatives', 'debian_version', 'group', 'hosts', 'ld.so.cache', 'ld.so.conf', 'ld.so.conf.d',
                   'nsswitch.conf', 'os-release', 'passwd')
STACK = ('stack:pre-install', 'stack:install', 'stack:post-config', 'stack:extra', 'stack:test-config')
RUN_SECONDS = 300

NOVA_IS_HERE = (PACKAGES / 'nova').is_dir()
GLANCE_IS_HERE = (PACKAGES / 'glance').is_dir() and (ROOT / 'glance_store/pyproject.toml').exists()


def run(words, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f'{words}: {done.stderr}'
    return done.stdout


@functools.cache
def product_repository():
    """The working tree as a repository of its own, made once: what is not committed is tested as well."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix='unikernel-product-'))
    atexit.register(shutil.rmtree, folder)
    for name in run(['git', '-C', ROOT, 'ls-files', '-co', '--exclude-standard']).splitlines():
        if (ROOT / name).exists() and not name.startswith(('tests/', 'doc/')):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git = ['git', '-C', folder, '-c', 'user.name=test', '-c', 'user.email=test@example.com']
    run([*git, 'init', '--quiet'])
    run([*git, 'add', '--all'])
    run([*git, 'commit', '--quiet', '--message', 'as it is'])
    return folder


class World:
    """What is below `folder` is /etc, /opt/stack and /usr/local/bin to the phases; all else is read-only."""

    def __init__(self, folder, devstack=None, services=None, settings=None):
        """devstack: a checkout of DevStack, or None for the stand-ins; services: beside Keystone, else all that
        this machine has packages of; settings: of local.conf."""
        self.folder = folder
        self.etc, self.stack, self.records = folder / 'etc', folder / 'stack', folder / 'records'
        self.settings = dict(settings or {})
        if services is None:
            services = ['n-api', 'tempest'] + ['n-cpu'] * NOVA_IS_HERE + ['g-api'] * GLANCE_IS_HERE
        self.settings.setdefault('ENABLED_SERVICES', ','.join(['key', *services]))
        for name in ('records', 'edges', 'local-bin', 'etc/nova', 'etc/glance', 'etc/systemd/system',
                     'etc/apache2/sites-available', 'etc/apache2/conf-enabled', 'stack/data', 'stack/tempest/etc'):
            (folder / name).mkdir(parents=True)
        for name in COPIED_FROM_ETC:
            self.copy(pathlib.Path('/etc') / name, self.etc / name)
        for name in EDGES:
            (folder / 'edges' / name).symlink_to(TESTS / 'edges.py')
        self._copy_product()
        self._make_environment()
        self._make_nova()
        if devstack:
            self._copy_devstack(devstack)

    @staticmethod
    def copy(source, target):
        source = pathlib.Path(source)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        elif source.exists():
            shutil.copy(source, target)

    def _copy_product(self):
        self.product = self.stack / 'os-unikernel'
        shutil.copytree(product_repository(), self.product, symlinks=True)

    def _make_environment(self):
        """DevStack's virtual environment, over the distribution's packages, with pip as an edge."""
        self.venv = self.stack / 'data/venv'
        run(['/usr/bin/python3', '-m', 'venv', '--without-pip', '--system-site-packages', self.venv])
        for name in ('pip', 'glance-manage'):
            (self.venv / 'bin' / name).symlink_to(TESTS / 'edges.py')

    def _make_nova(self):
        """A checkout of Nova, of links to the distribution's files, that comes before them."""
        virt = self.stack / 'nova/nova/virt'
        virt.mkdir(parents=True)
        if NOVA_IS_HERE:
            for folder in (virt.parent, virt):
                for path in (PACKAGES / folder.relative_to(self.stack / 'nova')).iterdir():
                    if not (folder / path.name).exists():
                        (folder / path.name).symlink_to(path)
            packages = next(self.venv.glob('lib/python3*/site-packages'))
            (packages / 'nova.pth').write_text('/opt/stack/nova\n')

    def copy_sources(self):
        """Third-party sources, as an earlier run with a network left them."""
        cache = pathlib.Path(os.environ.get('XDG_CACHE_HOME', os.path.expanduser('~/.cache'))) / 'unikernel/sources'
        shutil.copytree(cache, self.stack / 'data/unikernel/cache/sources', symlinks=True)

    def _copy_devstack(self, checkout):
        shutil.copytree(checkout, self.stack / 'devstack', symlinks=True,
                        ignore=shutil.ignore_patterns('.git', 'extras.d'))  # the latter: Tempest's own phases
        sample = (ROOT / 'devstack/local.conf.sample').read_text()
        own = {'HOST_IP': '127.0.0.1', 'SERVICE_HOST': '127.0.0.1', **self.settings}
        lines = ''.join(f'{name}={value}\n' for name, value in own.items())
        assert sample.count('[[') == 1, 'what is added would be in another section than localrc'
        (self.stack / 'devstack/local.conf').write_text(sample + lines)

    def phases(self, *names):
        """Runs them in one shell; answers the finished process."""
        return self.run('bash', TESTS / 'phases.sh', *names)

    def run(self, *words):
        systemctl = ['--ro-bind', TESTS / 'edges.py', '/usr/bin/systemctl'] if pathlib.Path(
            '/usr/bin/systemctl').exists() else []
        command = ['bwrap', '--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', '--unshare-net', '--unshare-pid',
                   '--tmpfs', '/tmp', '--tmpfs', '/opt', '--bind', self.stack, '/opt/stack', '--bind', self.etc, '/etc',
                   '--bind', self.folder / 'local-bin', '/usr/local/bin', *systemctl, '--bind', self.folder,
                   self.folder, '--ro-bind', ROOT, ROOT, '--bind', BUILD, BUILD, '--chdir', '/opt/stack', *words]
        environment = {'PATH': f'{self.folder}/edges:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': '/tmp',
                       'LC_ALL': 'C.UTF-8', 'TERM': 'dumb', 'RECORDS': str(self.records), 'TESTS': str(TESTS),
                       'UNIKERNEL_BUILD_DIR': str(BUILD), 'PYTHONDONTWRITEBYTECODE': '1', **self.settings}
        return subprocess.run([str(word) for word in command], env=environment, capture_output=True, text=True,
                              timeout=RUN_SECONDS, check=False)

    def calls(self, program=None):
        """Recorded calls as lists of words, program first; forgets them."""
        file = self.records / 'calls'
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        found = [json.loads(line) for line in lines]
        return [words for words in found if program in (None, words[0])]

    def files(self):
        """Name -> content of all that phases may leave outside of the virtual environment and their own repository."""
        found = {}
        for top in (self.etc, self.stack, self.folder / 'local-bin'):
            for path in sorted(top.rglob('*')):
                name = str(path.relative_to(self.folder))
                if name.startswith(('stack/os-unikernel/', 'stack/data/venv', 'stack/devstack')):
                    continue
                if path.is_symlink():
                    found[name] = f'-> {os.readlink(path)}'
                elif path.is_file():
                    found[name] = path.read_bytes()
        return found
