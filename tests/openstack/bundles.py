# SPDX-License-Identifier: Apache-2.0
"""Source bundles, and their import by Glance."""
import io
import tarfile

import openstack
from servers import until
from unikernelclient import bundle


def packed(folder):
    data = io.BytesIO()
    bundle.pack(folder, data)
    data.seek(0)
    return data


def tar_of(files, *members, compression=''):
    """A tar of name -> text, and of further members (tarfile.TarInfo, bytes)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f'w:{compression}') as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    out.seek(0)
    return out


def import_bundle(user, data, **properties):
    """Glance's image after the import of `data`: active, or queued again if it failed."""
    images = user.connection.image
    image = images.create_image(name='test-import', disk_format='raw', container_format='bare', allow_duplicates=True,
                                unikernel_source='bundle', **properties)
    user.undo(images.delete_image, image.id, ignore_missing=True)
    images.put(f'/images/{image.id}/stage', data=data, headers={'Content-Type': 'application/octet-stream'})
    openstack.exceptions.raise_from_response(
        images.post(f'/images/{image.id}/import', json={'method': {'name': 'glance-direct'}}))

    def ended():
        tasks = images.get(f'/images/{image.id}/tasks').json()['tasks']
        return tasks and tasks[-1]['status'] in ('success', 'failure') and tasks[-1]
    return images.get_image(image.id), until(ended, 'the import has ended')
