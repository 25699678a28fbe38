// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "builder_service/api/settings.hh"
#include "builder_service/artifacts/artifact_catalog.hh"
#include "builder_service/builds/build_service.hh"
#include "builder_service/fleet/fleet.hh"
#include "builder_service/reconcile/reconciler.hh"

namespace unikernel::api
{

/// The reconciler with all that it works with, as part of the composition root.
class Loop
{
public:
    /// What the service has already; all of it outlives the loop, and raises its signal.
    struct Parts {
        Database& database;
        BuildRepository& builds;
        BuildService& service;
        ArtifactCatalog& artifacts;
        RequirementService& requirements;
        RolloutRepository& rollouts;
        Fleet& fleet;
        Planner plan;
        std::function<Result<std::string>()> modules;  ///< Lines::Ports::modules
        Imports::Find imported;                        ///< Lines::Ports::imported
        std::function<Result<void>(const LineImage&, std::stop_token)> retire;
    };
    Loop(const Settings& settings, const Parts& parts);
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    void start() { reconciler_.start(wake_); }
    /// Begins nothing further, and waits for what it does at the moment.
    void stop() { reconciler_.stop(); }
    /// Something changed. Thread-safe.
    void wake() { wake_.raise(); }

private:
    ChangeSignal wake_;
    Lease lease_;
    LineImageRepository images_;
    StandingRepository standings_;
    Lines lines_;
    Reconciler reconciler_;  // last: its thread uses all of the above
};

}  // namespace unikernel::api
