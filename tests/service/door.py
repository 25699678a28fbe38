# SPDX-License-Identifier: Apache-2.0
"""HAProxy with the shipped configuration, and a certificate for this test."""
import contextlib
import os
import pathlib
import socket
import subprocess

from service_process import Service, wait_until

CONFIGURATION = pathlib.Path(__file__).parents[2] / "devstack/files/haproxy/unikernel-builder.cfg"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Door(Service):
    """HAProxy before the listener on `builder`, a port of loopback; speaks as Service does."""

    def __init__(self, folder, builder):
        super().__init__(folder)
        self.builder, self.tls_port = builder, free_port()
        self.certificate = self.folder / "door.crt"

    def start(self, port=0):
        self.port = port or free_port()
        key, both = self.folder / "door.key", self.folder / "door.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=door", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", self.certificate], check=True, capture_output=True)
        both.write_text(self.certificate.read_text() + key.read_text())
        environment = {"PATH": f"{os.environ['PATH']}:/usr/sbin", "UNIKERNEL_DOOR": f"127.0.0.1:{self.port}",
                       "UNIKERNEL_TLS_DOOR": f"127.0.0.1:{self.tls_port}", "UNIKERNEL_CERTIFICATE": str(both),
                       "UNIKERNEL_BUILDER": f"127.0.0.1:{self.builder}"}
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(["haproxy", "-db", "-f", CONFIGURATION], stdout=subprocess.PIPE, stderr=log,
                                            env=environment)
        wait_until(self._is_there)
        return self

    def _is_there(self):
        assert self.process.poll() is None, self.log()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
