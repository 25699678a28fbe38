# SPDX-License-Identifier: Apache-2.0
"""A real glance-api of its own, on SQLite in a folder, with the import plugin and the store."""

import shutil

from local_process import LocalProcess, run, skip_without, sqlite

CONFIGURATION = """
[DEFAULT]
use_stderr = true
bind_host = 127.0.0.1
bind_port = {port}
workers = 0
enabled_backends = file:file, builder:unikernel
show_multiple_locations = true
[database]
connection = {database}
[glance_store]
default_backend = file
[file]
filesystem_store_datadir = {folder}/images
[builder]
[os_glance_staging_store]
filesystem_store_datadir = {folder}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {folder}/tasks
[paste_deploy]
flavor = keystone
config_file = /etc/glance/glance-api-paste.ini
[image_import_opts]
image_import_plugins = ['unikernel_build']
[oslo_messaging_notifications]
driver = noop
[keystone_authtoken]
auth_type = password
www_authenticate_uri = {keystone}
service_token_roles = service
service_token_roles_required = true
{account}
[unikernel]
auth_type = password
{account}
{builder}
"""


def skip_unless_installed():
    skip_without("glance-api", "glance-manage")


class Glance(LocalProcess):
    """glance-api of this machine. keystone: a started Keystone. site: folder with the installed packages.

    builder: lines of the section [unikernel]; without endpoint_override the catalogue says where the builder is.
    """

    path = "/healthcheck"

    def __init__(self, folder, keystone, site, builder=""):
        super().__init__(folder, "glance-api")
        self.site, self.staging = site, folder / "staging"
        for part in ("images", "staging", "tasks"):
            (folder / part).mkdir()
        keystone.add_user("glance", "service", ("admin", "service"))
        keystone.add_service("glance", "image", self.url)
        account = "\n".join(f"{name} = {value}" for name, value in keystone.auth_options("glance", "service").items())
        self.configuration = folder / "glance-api.conf"
        self.configuration.write_text(CONFIGURATION.format(
            folder=folder, database=sqlite(folder / "glance.db"), port=self.port, keystone=keystone.url,
            account=account, builder=builder))
        run(["glance-manage", "--config-file", self.configuration, "db_sync"], self.environment())

    def command(self):
        return ["/usr/bin/python3", shutil.which("glance-api"), "--config-file", self.configuration]

    def environment(self):
        return {**super().environment(), "PYTHONPATH": str(self.site)}
