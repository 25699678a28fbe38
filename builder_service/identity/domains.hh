// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "builder_service/openstack/session.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// Whether Keystone has a domain with this id, as far as the service's account may ask: if it may not, that
/// is written to the log and taken for a yes. Blocks. Errors: invalid (there is none), unavailable.
Result<void> check_domain(Session& session, const std::string& id);

}  // namespace unikernel
