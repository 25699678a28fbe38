// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "builder_service/builds/build_service.hh"
#include "builder_service/fleet/fleet.hh"
#include "builder_service/reconcile/lease.hh"
#include "builder_service/reconcile/line_images.hh"
#include "builder_service/reconcile/lines.hh"
#include "builder_service/reconcile/rollout_repository.hh"
#include "builder_service/reconcile/standings.hh"

namespace unikernel
{

/// What the loop asks of the rest of the service; bound by the composition root.
struct ReconcilePorts {
    /// As BuildService::submit, with Submission::id.
    std::function<Result<BuildService::Submitted>(BuildService::Submission)> submit;
    std::function<Result<void>(const std::string& build)> cancel;
    /// Takes an image whose time is over out of use in Glance; safe to repeat. Empty: there is no Glance.
    std::function<Result<void>(const LineImage&, std::stop_token)> retire;
};

struct ReconcileSettings {
    std::chrono::milliseconds interval{10'000};  ///< between two looks at everything if nothing happens
    std::chrono::milliseconds poll{200};         ///< between two looks at servers that are being replaced
    unsigned builds = 2;                         ///< of the loop at once
    std::size_t keep = 1000;                     ///< ended rollouts that are remembered
    /// Servers name their image by its id in Glance; else by its digest.
    bool images_in_glance = false;
};

/// All that the loop works with. All of it outlives it.
struct ReconcileParts {
    Lease& lease;
    RolloutRepository& rollouts;
    LineImageRepository& images;
    StandingRepository& standings;
    BuildRepository& builds;
    Lines& lines;
    Fleet& fleet;
    ReconcilePorts ports;
    ReconcileSettings settings;
    Clock clock = {};
};

/// What was seen at the last look at everything.
struct World {
    using Key = std::pair<std::string, std::string>;  ///< project, name
    /// A server that runs an image of a line.
    struct Tenant {
        Server server;
        LineImage image;  ///< that it runs
    };
    std::map<Key, Line> lines;
    std::map<Key, std::vector<Tenant>> tenants;
    std::string no_list;  ///< for people: why the servers could not be listed; "": they were
    bool fresh = false;   ///< it is of this pass
    unsigned places = 0;  ///< builds that the loop may begin now

    const Line* line(const Key& key) const
    {
        const auto found = lines.find(key);
        return found == lines.end() ? nullptr : &found->second;
    }
};

}  // namespace unikernel
