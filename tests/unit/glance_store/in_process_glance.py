# SPDX-License-Identifier: Apache-2.0
"""This machine's Glance in the test's own process: real stores, real database, real task engine."""
import contextlib
import pathlib
import sys
import tomllib
import uuid

import glance.async_
import glance.common.config
from glance.common import wsgi
import glance.context
from glance.db.sqlalchemy import api as database
from glance.db.sqlalchemy import models
import glance.gateway
import glance_store
from oslo_config import cfg

CONF = cfg.CONF

CONFIGURATION = """
[DEFAULT]
enabled_backends = file:file, unikernel:unikernel
[database]
connection = sqlite:///{folder}/glance.db
[glance_store]
default_backend = file
[file]
filesystem_store_datadir = {folder}/images
[os_glance_staging_store]
filesystem_store_datadir = {folder}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {folder}/tasks
[image_import_opts]
image_import_plugins = ['unikernel_build']
[taskflow_executor]
engine_mode = serial
[oslo_messaging_notifications]
driver = noop
[unikernel]
endpoint_override = {builder}
build_timeout = 60
unavailable_timeout = 1
"""


def announce(source, folder):
    """Makes the package's entry points known, as an installation does."""
    project = tomllib.loads((source / 'pyproject.toml').read_text())['project']
    information = folder / 'unikernel_glance-0.dist-info'
    information.mkdir()
    (information / 'METADATA').write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0\n")
    (information / 'entry_points.txt').write_text('\n'.join(
        f'[{group}]\n' + '\n'.join(f'{name} = {place}' for name, place in points.items())
        for group, points in project['entry-points'].items()))
    sys.path.insert(0, str(folder))


class Glance:
    """One for the whole process, since Glance's configuration is; images in it are of one user."""

    def __init__(self, folder, builder):
        self.conf, self.folder, self.staging = CONF, folder, folder / 'staging'
        for name in ('images', 'staging', 'tasks'):
            (folder / name).mkdir()
        (folder / 'glance.conf').write_text(CONFIGURATION.format(folder=folder, builder=builder))
        glance.async_.set_threadpool_model('native')
        CONF(['--config-file', str(folder / 'glance.conf')], project='glance')
        glance_store.register_store_opts(CONF, reserved_stores=wsgi.RESERVED_STORES)
        glance_store.create_multi_stores(CONF, reserved_stores=wsgi.RESERVED_STORES)
        models.register_models(database.get_engine())
        self.context = glance.context.RequestContext(
            project_id=uuid.uuid4().hex, user_id='alice', roles=['member'], auth_token='token')
        self.gateway = glance.gateway.Gateway()
        self.images = self.gateway.get_repo(self.context)
        self.tasks = self.gateway.get_task_repo(self.context)

    def stage(self, data, **properties):
        """A new image whose data waits for its import; its id."""
        factory = self.gateway.get_image_factory(self.context)
        image = factory.new_image(name='app', owner=self.context.owner, disk_format='raw', container_format='bare',
                                  min_ram=7, extra_properties=properties)
        self.images.add(image)
        self.stage_again(image.image_id, data)
        return image.image_id

    def stage_again(self, image_id, data):
        image = self.images.get(image_id)
        image.status = 'uploading'
        image.size = len(data)
        with open(self.staging / image_id, 'xb') as file:  # as the staging store: never over another's
            file.write(data)
        self.images.save(image)

    def begin(self, image_id, stores=('file',)):
        """The import's task with the image's lock, as the API makes it; its id."""
        task = self.gateway.get_task_factory(self.context).new_task(
            task_type='api_image_import', owner=self.context.owner, image_id=image_id, user_id='alice', request_id='r',
            task_input={'image_id': image_id, 'import_req': {'method': {'name': 'glance-direct'}},
                        'backend': list(stores)})
        self.images.set_property_atomic(self.images.get(image_id), 'os_glance_import_task', task.task_id)
        self.tasks.add(task)
        return task.task_id

    def run(self, task_id):
        """Runs the import to its end; the task."""
        executor = self.gateway.get_task_executor_factory(self.context).new_task_executor(self.context)
        self.tasks.get(task_id).run(executor)
        return self.tasks.get(task_id)

    def run_import(self, image_id):
        return self.run(self.begin(image_id))

    def run_quietly(self, task_id):
        """As run, of an import that Glance's executor lets fail with an exception."""
        with contextlib.suppress(Exception):
            self.run(task_id)
        return self.tasks.get(task_id)

    def run_import_quietly(self, image_id):
        return self.run_quietly(self.begin(image_id))

    def staged(self):
        return sorted(path.name for path in pathlib.Path(self.staging).iterdir())
