// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "builder_service/builds/build_repository.hh"
#include "builder_service/openstack/glance.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// Of the builder's images of one name and project in Glance, only the newest build's is to be listed. Hides
/// those of builds before `build`, whose image `own` is, and that one itself if a later build's is there
/// already. Images that other people made are left alone. Answers the ids that were hidden. Errors: as
/// Glance.
Result<std::vector<std::string>> hide_predecessors(Glance& glance, BuildRepository& repository,
                                                   const BuildRecord& build, const GlanceImage& own,
                                                   const GlanceCall& call);

}  // namespace unikernel
