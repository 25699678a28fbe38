# SPDX-License-Identifier: Apache-2.0
"""Glance's image import: an image with the property unikernel_source=bundle is built before it is stored.

Runs between staging and the stores. Images without the property pass as they are.
"""
import contextlib
import os
import time

from glance.async_.flows import api_image_import
from glance.common import exception
from glance.common.scripts import utils as script_utils
import glance.db
from keystoneauth1 import exceptions as keystone_exceptions
from oslo_config import cfg
from oslo_log import log as logging
from taskflow.patterns import linear_flow
from taskflow import task

from unikernel_glance import builder
from unikernel_glance import building

LOG = logging.getLogger(__name__)

SOURCE = 'unikernel_source'
BUNDLE = 'bundle'
PREFIX = 'unikernel_'
# Glance lets another import take an image over when the task says nothing for 60 minutes.
SIGN_OF_LIFE = 10  # seconds

BUILDER = builder.Builder(cfg.CONF)


class _BuildUnikernel(task.Task):
    """Replaces the staged bundle by the image that is built from it."""

    default_provides = 'file_path'

    def __init__(self, context, task_id, task_type, task_repo, stores, action_wrapper):
        self.context, self.task_id, self.task_repo, self.stores = context, task_id, task_repo, stores
        self.action_wrapper = action_wrapper
        self.image_id = action_wrapper.image_id
        self.bundle = self.built = None  # paths; none of an image that is not ours
        self.before = None  # properties and min_ram, once they are about to be changed
        self.told = ('', 0.0)  # the task's message, and when
        super().__init__(name=f'{task_type}-BuildUnikernel-{task_id}')

    def execute(self, file_path, **kwargs):
        with self.action_wrapper as action:
            source = action.image_extra_properties.get(SOURCE)
        if source is None:
            return file_path
        self.bundle = file_path[len('file://'):]
        self.built = f'{self.bundle}.{self.task_id}'
        if source != BUNDLE:
            raise exception.UploadException(
                f'{SOURCE}={building.shorten(source)!r} is not known; {SOURCE}={BUNDLE} is a tar archive that has '
                'unikernel.yaml at its top')
        try:
            settings = BUILDER.settings
            built = building.Building(BUILDER.client(self.context), settings.build_timeout,
                                      settings.unavailable_timeout, self._progress).run(self.bundle, self.built)
        except (building.Failed, keystone_exceptions.ClientException) as error:
            # The one exception whose text Glance's executor puts into the task's message.
            raise exception.UploadException(f'No unikernel image: {building.shorten(str(error))}') from error
        self._describe(built)
        os.remove(self.bundle)
        return f'file://{self.built}'

    def revert(self, result, **kwargs):
        """Leaves a queued image as the user had made it, and nothing in the staging area."""
        if self.bundle is None:
            return
        try:
            self._restore()
        except exception.TaskAbortedError:
            LOG.warning('Image %s: another import has taken over', self.image_id)
            return
        except exception.NotFound:
            LOG.info('Image %s was deleted during its import', self.image_id)
        except Exception:  # a failure here would hide the first one's text
            LOG.exception('Image %s could not be set back after a failed import', self.image_id)
        finally:
            _remove(self.built)
        _remove(self.bundle)

    def _progress(self, text):
        """Tells the task's owner; raises if the task was ended or another one has the image, or it is gone."""
        now = time.monotonic()
        if text == self.told[0] and now - self.told[1] < SIGN_OF_LIFE:
            return
        self.told = (text, now)
        self.action_wrapper.assert_task_lock()
        record = script_utils.get_task(self.task_repo, self.task_id)
        if record is None or record.status != 'processing':
            raise exception.TaskAbortedError()
        record.message = f'Building the unikernel: {text}'
        self.task_repo.save(record)

    # What follows from the image's bytes is written with Glance's own authority: users may be kept from
    # writing it (property protections), and the import's ordinary door does not lead to min_ram.

    def _repository(self):
        return glance.db.ImageRepo(self.context.elevated(), glance.db.get_api())

    def _image(self, repository):
        return api_image_import.ImportActionWrapper(repository, self.image_id, self.task_id)

    def _describe(self, built):
        """Properties, size and minimum memory of the artifact."""
        repository = self._repository()
        min_ram = repository.get(self.image_id).min_ram
        with self._image(repository) as action:
            earlier = action.image_extra_properties
            self.before = (earlier, min_ram)  # whatever fails from here on
            for name in earlier:
                if name.startswith(PREFIX):
                    action.pop_extra_property(name)
            action.set_image_extra_properties({
                **built.properties, 'kernel_id': self.image_id, 'unikernel_build': built.build})
            action.set_image_attribute(disk_format='raw', container_format='bare', size=built.size)
        self._set_min_ram(repository, built.minimum_memory)

    def _set_min_ram(self, repository, mebibytes):
        image = repository.get(self.image_id)
        image.min_ram = mebibytes
        repository.save(image, image.status)

    def _restore(self):
        repository = self._repository()
        with self._image(repository) as action:
            if action.image_status not in ('importing', 'queued'):
                return  # a store has it, and it is active
            if self.before is not None:
                for name in action.image_extra_properties:
                    if not name.startswith('os_glance') and name not in self.before[0]:
                        action.pop_extra_property(name)
                action.set_image_extra_properties(
                    {name: value for name, value in self.before[0].items() if not name.startswith('os_glance')})
            action.remove_importing_stores(self.stores)
            if action.image_status == 'importing':
                action.set_image_attribute(status='queued')
        if self.before is not None:
            self._set_min_ram(repository, self.before[1])


def _remove(path):
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)


def get_flow(**kwargs):
    """The flow that Glance puts in; it passes what its own plugins get (context, task_id, action_wrapper ...)."""
    task_type = kwargs.get('task_type')
    return linear_flow.Flow(task_type).add(_BuildUnikernel(
        kwargs.get('context'), kwargs.get('task_id'), task_type, kwargs.get('task_repo'),
        kwargs.get('backend') or [None], kwargs.get('action_wrapper')))
