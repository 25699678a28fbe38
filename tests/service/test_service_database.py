# SPDX-License-Identifier: Apache-2.0
"""The service on MariaDB: alone, with a database that goes away, and as one of several builders."""

import pathlib
import signal
import subprocess
import sys
import time
import urllib.parse

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cloud"))

from local_process import run  # noqa: E402
from mariadb_process import PASSWORD, MariaDb  # noqa: E402
from service_process import Service, program, wait_until  # noqa: E402

LEASE = 5


def certificate(folder, name):
    """Makes the files `certificate`, signed by itself, and `key`."""
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
         folder / "key", "-out", folder / "certificate", "-days", "2", "-subj", f"/CN={name}", "-addext",
         "subjectAltName=IP:127.0.0.1"])


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mariadb")
    certificate(folder, "127.0.0.1")
    running = MariaDb(folder, f"--ssl-cert={folder}/certificate", f"--ssl-key={folder}/key").start()
    yield running
    running.stop()


@pytest.fixture
def database(mariadb, request):
    """The name of an empty database of this test's own."""
    name = request.node.name[:60]  # a name has at most 64 characters
    mariadb.create(name)
    yield name
    mariadb.sql(f"DROP DATABASE {name}")


def configuration(folder, connection, password=PASSWORD, more=""):
    """A file with that connection, and the password in a file of its own."""
    folder.mkdir(exist_ok=True)
    secret = folder / "password"
    secret.write_text(password + "\n")
    secret.chmod(0o640)
    file = folder / "unikernel-builder.conf"
    file.write_text(f"{more}\n[reconcile]\nlease = {LEASE}\ninterval = 1\n"
                    f"[database]\nconnection = {connection}\npassword_file = {secret}\n")
    return file


@pytest.fixture
def builder(mariadb, database, tmp_path):
    """builder(name, options...): a builder of this test's database, ended afterwards."""
    started = []

    def begin(name, *options):
        folder = tmp_path / name
        file = configuration(folder, mariadb.address(database), more=f"artifacts = {tmp_path / 'artifacts'}")
        started.append(Service(folder, "--config", file, "--workers", "1", *options))
        return started[-1].start()

    yield begin
    for service in started:
        if service.process.poll() is None:
            service.stop()


def refusal(folder, file, *options):
    """What a service says that does not start."""
    done = subprocess.run([program("unikernel-builder-stub"), "--listen", "127.0.0.1:0", "--config", file, "--state",
                           folder / "state", *options], capture_output=True, text=True, timeout=60, check=False,
                          env={"HOME": str(folder)})
    assert done.returncode != 0
    assert "secret" not in done.stderr
    return done.stderr.splitlines()[-1]


def test_what_is_stored_is_there_after_a_restart(builder, mariadb, database):
    service = builder("one", "--log-limit", "64")
    assert service.get("/healthcheck").json == {"status": "ok", "database": "MariaDB"}
    assert f"MariaDB mysql://builder@127.0.0.1:{mariadb.port}/{database}" in service.log()
    done = service.submit(name="\u00fcnic\u00f6de", lines=3).json
    assert service.wait_for(done["id"])["state"] == "succeeded"
    events = service.events(done["id"])
    service.kill()
    service.start()
    assert service.events(done["id"]) == events
    assert service.get("/v1/images").json["images"][0]["digest"] == service.build(done["id"])["image"]
    assert not (service.state / "builds.sqlite").exists()
    assert service.stop() == 0
    assert mariadb.sql("SELECT COUNT(*) FROM builders", database) == ["0"]


def test_takes_a_connection_by_socket_and_with_the_password_in_it(mariadb, database, tmp_path):
    file = tmp_path / "conf"
    file.write_text(f"[database]\nconnection = mysql+pymysql://builder:{urllib.parse.quote(PASSWORD, safe='')}@/"
                    f"{database}?charset=utf8&unix_socket={mariadb.socket}\n")
    service = Service(tmp_path, "--config", file).start()
    assert service.get("/healthcheck").status == 200
    assert service.stop() == 0


def test_encrypts_and_checks_the_servers_certificate(mariadb, database, tmp_path):
    mariadb.sql("CREATE USER careful@'%' IDENTIFIED BY 'p' REQUIRE SSL;"
                f"GRANT ALL ON {database}.* TO careful@'%'")
    address = mariadb.address(database).replace("builder@", "careful@")
    assert "Access denied" in refusal(tmp_path, configuration(tmp_path, address, "p"))
    file = configuration(tmp_path, f"{address}?ssl_ca={mariadb.folder}/certificate", "p")
    service = Service(tmp_path, "--config", file).start()
    assert service.get("/healthcheck").status == 200
    assert service.stop() == 0
    certificate(tmp_path, "other")
    file = configuration(tmp_path, f"{address}?ssl_ca={tmp_path}/certificate", "p")
    assert "check ssl_ca, ssl_cert and ssl_key" in refusal(tmp_path, file)


def test_says_why_it_does_not_start(mariadb, database, tmp_path):
    address = mariadb.address(database)
    assert "Access denied" in refusal(tmp_path, configuration(tmp_path, address, "wrong"))
    file = configuration(tmp_path, mariadb.address("nowhere"))
    assert "GRANT ALL ON nowhere.* TO" in refusal(tmp_path, file)
    file = configuration(tmp_path, f"mysql://builder@127.0.0.1:1/{database}")
    assert "check that MariaDB runs there" in refusal(tmp_path, file)
    file = configuration(tmp_path, f"mysql://builder:secret@127.0.0.1/{database}")
    assert "keep one of them" in refusal(tmp_path, file)
    file = configuration(tmp_path, f"postgresql://builder:secret@127.0.0.1/{database}")
    assert "'postgresql' is no kind of database" in refusal(tmp_path, file)
    file = configuration(tmp_path, address)
    (tmp_path / "password").chmod(0o644)
    assert f"is open to everybody on this machine; chmod o= {tmp_path}/password" in refusal(tmp_path, file)


def test_refuses_tables_of_a_newer_version_and_of_somebody_else(builder, mariadb, database, tmp_path):
    builder("one").stop()
    mariadb.sql("UPDATE schema_version SET version = 1000", database)
    file = configuration(tmp_path, mariadb.address(database))
    assert "was written by a newer version (its schema is 1000" in refusal(tmp_path, file)
    mariadb.sql("DROP TABLE schema_version", database)
    assert "tables of something else; the builder needs a database of its own" in refusal(tmp_path, file)


def test_a_database_that_is_restarted_in_mid_build_costs_nothing(builder, mariadb):
    service = builder("one")
    bundle = service.bundle()
    running = service.submit(name="running", bundle=bundle, sleep_ms=3000).json["id"]
    waiting = service.submit(name="waiting", bundle=bundle).json["id"]
    service.wait_for(running, "running")
    mariadb.kill()
    answer = service.get("/v1/builds/" + running)
    assert answer.status == 503
    assert "The service connects again by itself" in answer.error["detail"]
    assert service.get("/healthcheck").status == 503
    assert service.submit(name="refused", bundle=bundle).status == 503
    time.sleep(3.5)  # the build ends meanwhile
    mariadb.start()
    wait_until(lambda: service.get("/healthcheck").status == 200)
    for build in (running, waiting):
        assert service.wait_for(build)["state"] == "succeeded"
        assert service.build(build)["attempts"] == 1
        assert [event["n"] for event in service.events(build)] == list(range(1, len(service.events(build)) + 1))
    assert service.events(running)[-1]["kind"] == "end"


def test_two_builders_share_the_builds_and_their_images(builder):
    one, two = builder("one"), builder("two")
    bundle = one.bundle()
    builds = [one.submit(name=f"app{n}", bundle=bundle, sleep_ms=600).json["id"] for n in range(10)]
    for build in builds:
        done = two.wait_for(build)
        assert (done["state"], done["attempts"]) == ("succeeded", 1)
        assert len([event for event in one.events(build) if event["kind"] == "end"]) == 1
        assert one.get(f"/v1/images/{done['image']}").body == two.get(f"/v1/images/{done['image']}").body
    begun = [sum(f"build {build}: begins" in service.log() for build in builds) for service in (one, two)]
    assert sum(begun) == len(builds)
    assert min(begun) >= 2, f"both of them build: {begun}"


def test_a_build_is_cancelled_at_the_builder_that_does_not_run_it(builder):
    one, two = builder("one"), builder("two")
    one.stop()
    build = two.submit(sleep_ms=60_000).json["id"]
    two.wait_for(build, "running")
    one.start()
    assert one.request("DELETE", "/v1/builds/" + build).status == 204
    assert one.wait_for(build)["state"] == "cancelled"


def test_the_build_of_a_killed_builder_is_taken_over(builder):
    one = builder("one")
    build = one.submit(sleep_ms=1500).json["id"]
    one.wait_for(build, "running")
    two = builder("two")
    one.kill()
    done = two.wait_for(build, seconds=LEASE * 4)
    assert (done["state"], done["attempts"]) == ("succeeded", 2)
    texts = [event["text"] for event in two.events(build)]
    assert any("was not heard of any more during phase compile; it was started again" in text for text in texts)
    assert one.start().build(build)["state"] == "succeeded"


def test_a_builder_that_was_stopped_for_long_leaves_what_was_taken_over(builder):
    one = builder("one")
    build = one.submit(sleep_ms=2500).json["id"]
    one.wait_for(build, "running")
    two = builder("two")
    one.process.send_signal(signal.SIGSTOP)
    done = two.wait_for(build, seconds=LEASE * 4)
    one.process.send_signal(signal.SIGCONT)
    assert (done["state"], done["attempts"]) == ("succeeded", 2)
    wait_until(lambda: "is no longer this builder's" in one.log())
    assert len([event for event in two.events(build) if event["kind"] == "end"]) == 1
    assert two.build(build) == done


def test_one_of_two_builders_leads_and_is_followed_when_it_is_killed(builder, mariadb, database):
    def leader():
        return mariadb.sql("SELECT holder FROM leases WHERE name = 'reconcile'", database)[0]

    one, two = builder("one"), builder("two")
    wait_until(leader)
    first, second = (one, two) if leader().endswith("/one/state") else (two, one)
    time.sleep(LEASE)
    assert leader().endswith(str(first.state)), "it renews its lease"
    first.kill()
    wait_until(lambda: leader().endswith(str(second.state)), seconds=LEASE * 3)


def test_builders_of_one_database_must_share_a_folder(builder, mariadb, database, tmp_path):
    builder("one")
    file = configuration(tmp_path / "two", mariadb.address(database))
    assert "artifacts = FOLDER" in refusal(tmp_path / "two", file)
