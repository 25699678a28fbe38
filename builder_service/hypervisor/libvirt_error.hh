// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "common/util/result.hh"

namespace unikernel
{

/// Turns libvirt's and QEMU's words into a sentence with the way out. `code`: virErrorNumber.
Failure explain_libvirt(const std::string& what, int code, std::string_view message);

/// The same for the calling thread's last libvirt error.
Failure libvirt_failure(const std::string& what);

}  // namespace unikernel
