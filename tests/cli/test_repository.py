# SPDX-License-Identifier: Apache-2.0
"""`unikernel repository`: bundles that are packed, signed, and used; the commands of repositories.rst."""

import pathlib
import re
import subprocess

import pytest
import yaml

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "doc" / "source" / "admin" / "repositories.rst").read_text()


def write_module(folder, name="packet-filter", version="1.2.0", **more):
    (folder / name).mkdir(parents=True)
    manifest = {"name": name, "version": version, "kind": "security", "summary": "Drops frames",
                "license": "Apache-2.0", "platforms": {"u0": {"sources": ["filter.cc"]}}, **more}
    (folder / name / "module.yaml").write_text(yaml.safe_dump(manifest))
    (folder / name / "filter.cc").write_text("")


@pytest.fixture
def openssl(tmp_path):
    def run(*words):
        return subprocess.run(["openssl", *words], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    return run


@pytest.fixture
def keys(openssl, tmp_path):
    openssl("genpkey", "-algorithm", "ed25519", "-out", "modules.pem")
    openssl("pkey", "-in", "modules.pem", "-pubout", "-out", "modules.pub")
    return tmp_path / "modules.pem", tmp_path / "modules.pub"


def test_the_commands_of_the_page_make_a_bundle_that_can_be_used(unikernel, tmp_path):
    write_module(tmp_path / "my-modules")
    commands = [line.strip() for block in re.findall(r"::\n\n((?:    .*\n)+)", PAGE.split("Making a bundle")[1])
                for line in block.splitlines()]
    assert [command.split()[0] for command in commands] == ["openssl", "openssl", "unikernel", "unikernel", "openssl"]
    printed = {}
    for command in commands:
        if command.startswith("unikernel "):
            words = [str(file.relative_to(tmp_path)) if "*" in word else word for word in command.split()[1:]
                     for file in (sorted(tmp_path.glob(word)) if "*" in word else [word])]
            done = unikernel(*words, folder=tmp_path)
            assert done.code == 0, done
            printed[words[0]] = done.out
        else:
            subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    section = printed["repository"].replace("/path/of/the/public/key.pem", str(tmp_path / "modules.pub"))
    assert section.startswith("# 1 module, ") and "[repository:my-modules]" in section
    (tmp_path / "conf").write_text(section)
    home = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    listed = unikernel("repository", "list", "--local", "--config", tmp_path / "conf", "--json", environment=home)
    assert listed.code == 0, listed
    mine, builtin = listed.json
    assert (mine["name"], mine["kind"], mine["state"], mine["signed"], mine["modules"]) == \
        ("my-modules", "bundle", "ready", True, 1)
    assert (builtin["name"], builtin["kind"], builtin["priority"]) == ("builtin", "folder", 0)
    modules = {module["name"]: module for module in
               unikernel("module", "list", "--local", "--config", tmp_path / "conf", "--json", environment=home).json}
    assert modules["packet-filter"]["repository"] == "my-modules" and modules["posix"]["repository"] == "builtin"
    shown = unikernel("module", "show", "packet-filter", "--local", "--config", tmp_path / "conf", environment=home)
    assert re.search(r"^repository +my-modules$", shown.out, re.M)


def test_the_configuration_of_the_page_is_understood(unikernel, tmp_path):
    example = re.search(r"code-block:: ini\n\n((?:    .*\n|\n)+)", PAGE)[1].replace("    ", "")
    example = re.sub(r"https://\S+", f"file://{tmp_path}/none", example)  # nothing is fetched from elsewhere
    example = example.replace("/srv/unikernel/modules", str(tmp_path))
    (tmp_path / "conf").write_text(example)
    listed = unikernel("repository", "list", "--local", "--config", tmp_path / "conf", "--json")
    assert listed.code == 1, "acme cannot be had"
    assert {each["name"]: (each["priority"], each["state"]) for each in listed.json} == \
        {"acme": (200, "unusable"), "site": (100, "ready"), "builtin": (0, "ready")}


def test_packing_the_same_modules_gives_the_same_digest(unikernel, keys, tmp_path):
    write_module(tmp_path / "modules")
    digests = set()
    for name in ("one", "two"):
        packed = unikernel("repository", "pack", tmp_path / "modules", "--key", keys[0], "--output", tmp_path / name,
                           "--json")
        assert packed.code == 0, packed
        digests.add(packed.json["digest"])
        assert packed.json["modules"] == [{"name": "packet-filter", "version": "1.2.0"}]
        assert (tmp_path / f"{name}.sig").stat().st_size == 64
        (tmp_path / "modules" / "packet-filter" / "filter.cc").touch()
    assert len(digests) == 1
    assert digests == {"sha256:" + subprocess.run(["sha256sum", tmp_path / "one"], capture_output=True, text=True,
                                                  check=True).stdout.split()[0]}


def test_what_cannot_be_packed_is_said(unikernel, keys, tmp_path):
    (tmp_path / "empty").mkdir()
    out = ("--output", tmp_path / "bundle")
    for words, code, text in (
            ((tmp_path / "empty", "--key", keys[0], *out), 3, "holds no module: no */module.yaml"),
            ((tmp_path / "none", "--key", keys[0], *out), 3, "none"),
            ((tmp_path / "empty", "--key", keys[0]), 2, "--output is missing")):
        done = unikernel("repository", "pack", *words)
        assert done.code == code and text in done.error, done
    write_module(tmp_path / "good")
    done = unikernel("repository", "pack", tmp_path / "good", "--key", keys[1], *out)
    assert done.code == 3 and "holds no Ed25519 private key" in done.error, done
    write_module(tmp_path / "bad", version="one")
    done = unikernel("repository", "pack", tmp_path / "bad", "--key", keys[0], *out)
    assert done.code == 3 and "version" in done.error, done
    assert not (tmp_path / "bundle").exists()


def test_a_repository_that_cannot_be_used_is_told_by_list_and_doctor(unikernel, tmp_path):
    config = tmp_path / "conf"
    config.write_text(f"[repository:site]\npath = {tmp_path}/gone\n")
    listed = unikernel("repository", "list", "--local", "--config", config)
    assert listed.code == 1
    assert re.search(r"^site +folder +100 +0 +unusable ", listed.out, re.M) and "\nsite: " in listed.out
    checks = {check["name"]: check for check in unikernel("doctor", "--config", config, "--json", seconds=120).json}
    assert checks["repository site"]["verdict"] == "wrong"
    assert f"change [repository:site] in {config}" in checks["repository site"]["fix"]
    config.write_text("[repository:site]\npaht = /x\n")
    done = unikernel("module", "list", "--local", "--config", config)
    assert done.code == 3 and "line 2: unknown key 'paht' in [repository:site]; did you mean path?" in done.error


def test_a_build_that_an_unusable_repository_might_decide_is_refused(unikernel, tmp_path):
    config = tmp_path / "conf"
    config.write_text(f"[repository:site]\npath = {tmp_path}/gone\n")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "unikernel.yaml").write_text("name: quiet\n")
    done = unikernel("build", tmp_path / "app", "--local", "--config", config, "--no-boot-check")
    assert done.code != 0
    assert re.search(r"repository site cannot be used: .*gone.*; no image is made for which it might have \S+, "
                     "because another module could take its place unnoticed", done.error), done
