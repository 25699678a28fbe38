# SPDX-License-Identifier: Apache-2.0
"""wrk's report is read right, also where its columns look alike."""

import pytest

from wrk import parse

# The 62.50% is the share within one standard deviation; the median stands below it.
# wrk may leave a space behind a time.
REPORT = """Running 1s test @ http://10.77.1.2:80/
  1 threads and 50 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     4.32ms    1.45ms  18.03ms   85.16%
    Req/Sec    11.62k     2.13k   14.94k    62.50%
  Latency Distribution
     50%    4.15ms
     75%    4.56ms
     90%    5.41ms
     99%  941.00us\x20
  11542 requests in 1.00s, 7.45MB read
Requests/sec:  11532.53
Transfer/sec:      7.45MB
"""


def test_reads_every_figure():
    load = parse(REPORT)
    assert load.requests == 11542
    assert load.requests_per_second == 11532.53
    assert load.p50 == pytest.approx(0.00415)
    assert load.p99 == pytest.approx(0.000941)
    assert load.longest == pytest.approx(0.01803)
    assert (load.socket_errors, load.other_status) == (0, 0)


def test_adds_up_socket_errors_and_counts_refusals():
    load = parse(REPORT.replace("Requests/sec", "  Socket errors: connect 1, read 20, write 300, timeout 4000\n"
                                "  Non-2xx or 3xx responses: 7\nRequests/sec"))
    assert (load.socket_errors, load.other_status) == (4321, 7)


def test_names_what_is_missing():
    with pytest.raises(ValueError, match="requests in"):
        parse("nothing of use")
