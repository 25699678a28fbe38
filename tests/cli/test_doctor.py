# SPDX-License-Identifier: Apache-2.0
"""unikernel doctor: what it finds, and the commands that mend."""


def test_every_check_is_told_and_what_is_wrong_has_a_fix(unikernel):
    result = unikernel("doctor", "--json", seconds=120)
    checks = {check["name"]: check for check in result.json}
    for name in ("g++", "ld", "sandbox", "qemu-system-x86_64", "libvirt", "modules", "sources", "disk", "service"):
        assert name in checks
    assert result.code == (1 if any(check["verdict"] == "wrong" for check in checks.values()) else 0)
    for check in checks.values():
        assert check["detail"]
        assert (check["fix"] == "") == (check["verdict"] == "ok")
    assert checks["service"]["verdict"] == "note", "nothing answers, and nothing has to"


def test_missing_sources_are_found_with_the_command_that_fetches_them(unikernel, tmp_path):
    result = unikernel("doctor", "--json", environment={"XDG_CACHE_HOME": str(tmp_path)}, seconds=120)
    sources = next(check for check in result.json if check["name"] == "sources")
    assert result.code == 1
    assert sources["verdict"] == "wrong"
    assert sources["fix"] == f"tools/fetch-sources.sh --cache {tmp_path}/unikernel/sources"
