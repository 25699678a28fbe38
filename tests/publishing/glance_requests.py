# SPDX-License-Identifier: Apache-2.0
"""What tests ask of Glance as one of its users."""

import requests


class GlanceClient:
    def __init__(self, glance, token):
        self.url, self.headers = glance.url + "/v2/images", {"X-Auth-Token": token}

    def image(self, image_id):
        return requests.get(f"{self.url}/{image_id}", headers=self.headers, timeout=30)

    def status(self, image_id):
        """"" if there is no such image."""
        return self.image(image_id).json().get("status", "") if self.image(image_id).status_code == 200 else ""

    def data(self, image_id):
        return requests.get(f"{self.url}/{image_id}/file", headers=self.headers, timeout=30)

    def upload(self, data):
        """A new image with these bytes; the answer of the upload."""
        made = requests.post(self.url, json={"name": "own", "disk_format": "raw", "container_format": "bare"},
                             headers=self.headers, timeout=30)
        return requests.put(f"{self.url}/{made.json()['id']}/file", data=data, timeout=30,
                            headers={**self.headers, "Content-Type": "application/octet-stream"})

    def images(self, **query):
        return requests.get(self.url, params=query, headers=self.headers, timeout=30).json()["images"]

    def delete(self, image_id):
        return requests.delete(f"{self.url}/{image_id}", headers=self.headers, timeout=30)
