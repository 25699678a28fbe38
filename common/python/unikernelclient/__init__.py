# SPDX-License-Identifier: Apache-2.0
"""Client of the unikernel builder service: ``unikernelclient.client.Client``."""
