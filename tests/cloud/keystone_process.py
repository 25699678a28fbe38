# SPDX-License-Identifier: Apache-2.0
"""A real Keystone of its own, on SQLite in a folder, and who is in it."""

import getpass
import grp
import os
import shutil

from keystoneauth1.identity import v3
from keystoneauth1 import session as keystone_session

from local_process import LocalProcess, run, skip_without, sqlite

PASSWORD = "not-a-secret"  # of every account of this Keystone

CONFIGURATION = """
[DEFAULT]
use_stderr = true
[database]
connection = {database}
[token]
provider = fernet
[fernet_tokens]
key_repository = {folder}/fernet-keys
[credential]
key_repository = {folder}/credential-keys
[identity]
# As quick as bcrypt can be.
password_hash_rounds = 4
[cache]
enabled = false
"""


def skip_unless_installed():
    skip_without("keystone-manage", "keystone-wsgi-public")


class Keystone(LocalProcess):
    """Has administrator `admin` of project `admin` and the roles admin, member, reader and service."""

    path = "/v3"

    def __init__(self, folder):
        super().__init__(folder, "keystone")
        self.configuration = folder / "keystone.conf"
        self.configuration.write_text(CONFIGURATION.format(
            folder=folder, database=sqlite(folder / "keystone.db")))
        account = ["--keystone-user", getpass.getuser(), "--keystone-group", grp.getgrgid(os.getgid()).gr_name]
        self._manage("db_sync")
        self._manage("fernet_setup", *account)
        self._manage("credential_setup", *account)
        self._manage("bootstrap", "--bootstrap-password", PASSWORD, "--bootstrap-region-id", "RegionOne",
                     "--bootstrap-public-url", self.url + "/v3", "--bootstrap-internal-url", self.url + "/v3")
        self._admin = None

    def _manage(self, *words):
        run(["keystone-manage", "--config-file", self.configuration, *words])

    def command(self):
        return ["/usr/bin/python3", shutil.which("keystone-wsgi-public"), "--host", "127.0.0.1", "--port", self.port,
                "--", "--config-file", self.configuration]

    def start(self):
        super().start()
        self._admin = self.session("admin", "admin")
        self.add_role("service")
        return self

    def auth_options(self, user, project):
        """What a client or a [keystone_authtoken] section needs."""
        return {"auth_url": self.url + "/v3", "username": user, "password": PASSWORD, "project_name": project,
                "user_domain_name": "Default", "project_domain_name": "Default"}

    def session(self, user, project):
        """A keystoneauth1 session."""
        return keystone_session.Session(v3.Password(**self.auth_options(user, project)))

    def token(self, user, project):
        return self.session(user, project).get_token()

    def openstack_environment(self, user, project):
        """OS_* variables of the openstack client."""
        options = {f"OS_{name.upper()}": value for name, value in self.auth_options(user, project).items()}
        return {**options, "OS_IDENTITY_API_VERSION": "3", "OS_REGION_NAME": "RegionOne"}

    # Whoever is there already stays as he is.

    def add_role(self, name):
        """Its id."""
        return self._find("roles", name) or self._post("roles", "role", {"name": name})

    def add_domain(self, name):
        """Its id."""
        return self._find("domains", name) or self._post("domains", "domain", {"name": name})

    def add_project(self, name):
        """Its id."""
        return self._find("projects", name) or self._post("projects", "project", {
            "name": name, "domain_id": "default"})

    def add_user(self, name, project, roles=("member",)):
        """Gives a user, new or known, the roles in the project; his id."""
        user = self._find("users", name) or self._post("users", "user", {
            "name": name, "password": PASSWORD, "domain_id": "default"})
        for role in roles:
            place = f"/projects/{self.add_project(project)}/users/{user}"
            self._request("PUT", f"{place}/roles/{self._find('roles', role)}")
        return user

    def remove_role(self, user, project, role):
        self._request("DELETE", f"/projects/{self.add_project(project)}/users/{self._find('users', user)}"
                                f"/roles/{self._find('roles', role)}")

    def add_service(self, name, kind, url):
        """A service with the same URL for each interface."""
        service = self._find("services", name) or self._post("services", "service", {"name": name, "type": kind})
        for interface in ("public", "internal", "admin"):
            self._post("endpoints", "endpoint", {"service_id": service, "interface": interface, "url": url,
                                                 "region_id": "RegionOne"})
        return service

    def remove_service(self, service):
        """With its endpoints."""
        self._request("DELETE", f"/services/{service}")

    def _request(self, method, path, **arguments):
        return self._admin.request(f"{self.url}/v3{path}", method, **arguments)

    def _find(self, plural, name):
        found = self._request("GET", f"/{plural}", params={"name": name}).json()[plural]
        return found[0]["id"] if found else None

    def _post(self, plural, singular, values):
        return self._request("POST", f"/{plural}", json={singular: values}).json()[singular]["id"]
