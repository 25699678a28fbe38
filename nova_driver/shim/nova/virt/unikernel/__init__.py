# SPDX-License-Identifier: Apache-2.0
"""Where Nova looks for ``compute_driver = unikernel.UnikernelDriver``.

Nova imports compute drivers from below its own package ``nova.virt`` alone, so this one file
is installed into Nova's own directory.  The code is in unikernel_nova.
"""
from unikernel_nova.driver import UnikernelDriver

__all__ = ['UnikernelDriver']
