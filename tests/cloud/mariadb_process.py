# SPDX-License-Identifier: Apache-2.0
"""A real mariadbd of its own, on a port of loopback and a socket in a folder."""

import getpass
import subprocess

from local_process import LocalProcess, run

ACCOUNT, PASSWORD = "builder", "it's a {secret}; %40\\"


class MariaDb(LocalProcess):
    """Databases are made by `create`; the data stays in the folder when it is stopped or killed."""

    def __init__(self, folder, *options):
        super().__init__(folder, "mariadbd")
        self.options = options
        self.data, self.socket = folder / "data", folder / "s"
        if not self.data.exists():
            run(["mariadb-install-db", "--no-defaults", f"--datadir={self.data}", f"--user={getpass.getuser()}",
                 "--auth-root-authentication-method=normal", "--skip-test-db"])

    def command(self):
        return ["mariadbd", "--no-defaults", f"--datadir={self.data}", f"--user={getpass.getuser()}",
                f"--socket={self.socket}", "--bind-address=127.0.0.1", f"--port={self.port}", "--skip-name-resolve",
                "--performance-schema=OFF", "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M",
                "--innodb-flush-log-at-trx-commit=2", "--innodb-doublewrite=0", "--debug-no-sync",
                "--innodb-file-per-table=OFF", *self.options]

    def _answers(self):
        return self._client("DO 1").returncode == 0

    def _client(self, sql, database=""):
        return subprocess.run(["mariadb", "--no-defaults", f"--socket={self.socket}", "--user=root", "--batch",
                               "--skip-column-names", database], input=sql, capture_output=True,
                              text=True, check=False, timeout=60)

    def sql(self, text, database=""):
        """As root; the rows' lines."""
        done = self._client(text, database)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def create(self, name):
        """An empty database and an account that may do everything in it, by password from everywhere."""
        password = PASSWORD.replace("\\", "\\\\").replace("'", "\\'")
        self.sql(f"CREATE DATABASE {name}; CREATE USER IF NOT EXISTS {ACCOUNT}@'%' IDENTIFIED BY '{password}';"
                 f"GRANT ALL ON {name}.* TO {ACCOUNT}@'%'")
        return name

    def address(self, name, options=""):
        """The URL of a database, without the password."""
        return f"mysql://{ACCOUNT}@127.0.0.1:{self.port}/{name}{options}"

    def kill(self):
        self.process.kill()
        self.process.wait()
