# SPDX-License-Identifier: Apache-2.0
"""Nova compute driver for unikernels: a thin subclass of LibvirtDriver.

Only ``driver`` and ``options`` import Nova; the other modules are plain functions of their arguments.
"""
