# SPDX-License-Identifier: Apache-2.0
"""The builder service with Keystone's identity and Glance's endpoint, and requests with a token."""

import json

from service_process import Service, wait_until

CONFIGURATION = """
identity = keystone
[keystone_authtoken]
auth_type = password
www_authenticate_uri = {keystone}
{account}
[glance]
publish = true
endpoint_override = {glance}
{options}
"""


class ConnectedService(Service):
    """token: the one that requests carry."""

    token = None

    def __init__(self, folder, keystone, glance, name, options):
        configuration = folder / "unikernel-builder.conf"
        account = keystone.auth_options("unikernel", "service")
        configuration.write_text(CONFIGURATION.format(
            keystone=keystone.url, glance=glance,
            account="\n".join(f"{key} = {value}" for key, value in account.items()),
            options="\n".join(f"{key} = {value}" for key, value in options.items())))
        super().__init__(folder, "--config", configuration, "--workers", "2", name=name)

    def request(self, method, path, body=None, headers=None):
        return super().request(method, path, body, {"X-Auth-Token": self.token, **(headers or {})})

    def publish(self, name, wish=None, headers=None, bundle=None, **labels):
        """Submits a build for the stub that is to be published; its JSON."""
        spec = {"name": name, "labels": {key: str(value) for key, value in labels.items()}}
        answer = self.request("POST", "/v1/builds", json.dumps({
            "bundle": bundle or self.bundle(), "spec": spec, "boot_check": False,
            "publish": {} if wish is None else wish}), {"Content-Type": "application/json", **(headers or {})})
        assert answer.status in (200, 202), answer.body
        return answer.json

    def published(self, *arguments, **labels):
        """Submits it, and waits for its end."""
        return self.wait_for(self.publish(*arguments, **labels)["id"], seconds=60)

    def settled(self, build_id, seconds=60):
        """Waits until nothing of a failed build is left to be taken out of Glance."""
        wait_until(lambda: self.build(build_id)["publish"]["state"] == "failed", seconds)
        return self.build(build_id)
