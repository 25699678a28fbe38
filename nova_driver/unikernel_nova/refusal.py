# SPDX-License-Identifier: Apache-2.0
"""The one exception of the modules that know no Nova."""


class Refused(Exception):
    """What was asked for is not done; the text says what, why and, where there is one, the limit."""
