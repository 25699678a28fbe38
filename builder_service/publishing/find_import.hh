// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stop_token>

#include "builder_service/artifacts/artifact_store.hh"
#include "builder_service/builds/build_record.hh"
#include "builder_service/openstack/glance.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// The newest image in Glance that its import plugin made of this build. What properties say is not enough,
/// since a project's users may write them: Glance's own hash must be that of the bytes. Nothing: there is
/// none, or it is not complete. Errors: as Glance; internal.
Result<std::optional<Publication>> find_import(Glance& glance, const BuildRecord& build,
                                               const StoredImage& image, std::stop_token stop);

}  // namespace unikernel
