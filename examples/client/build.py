# SPDX-License-Identifier: Apache-2.0
# Builds a folder with a builder that has no Keystone before it: build.py URL FOLDER
import sys
import tempfile

from keystoneauth1 import session
from unikernelclient import bundle, client, documents, exceptions

url, folder = sys.argv[1:]
unikernel = client.Client(session.Session(), endpoint_override=url)
try:
    with tempfile.TemporaryFile() as archive:
        bundle.pack(folder, archive)
        archive.seek(0)
        digest = unikernel.bundles.create(archive)
    build = unikernel.builds.create(digest, documents.read(f"{folder}/unikernel.yaml"))
    build = unikernel.builds.wait(build["id"], lambda event: print(event["phase"], event["text"]))
    if build["state"] != "succeeded":
        raise exceptions.BuildFailed(build)
except exceptions.UnikernelClientError as error:
    sys.exit(str(error))
print(build["image"])
