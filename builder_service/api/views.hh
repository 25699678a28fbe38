// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "builder_service/compliance/compliance.hh"
#include "builder_service/compliance/dry_run.hh"

namespace unikernel::api
{

/// What the service says about requirements and servers, with all that it is made of, as part of the
/// composition root.
class Views
{
public:
    /// All of it outlives the views.
    struct Parts {
        Database& database;
        BuildRepository& builds;
        ArtifactCatalog& artifacts;
        RequirementService& requirements;
        RolloutRepository& rollouts;
        Fleet& fleet;
        Planner planner;
        std::function<Result<std::string>()> modules;  ///< Lines::Ports::modules
        Imports::Find imported;                        ///< Lines::Ports::imported
    };
    explicit Views(const Parts& parts)
        : images_(parts.database), standings_(parts.database),
          lines_(parts.builds, parts.requirements, images_,
                 {.plan = parts.planner,
                  .note =
                      [&artifacts = parts.artifacts](const BuildRecord& build) {
                          return artifacts.image(build.image, Scope{build.project, false})
                              .map([](const StoredImage& image) { return image.description; });
                      },
                  .modules = parts.modules,
                  .imported = parts.imported}),
          compliance_({.builds = parts.builds,
                       .requirements = parts.requirements,
                       .lines = lines_,
                       .images = images_,
                       .rollouts = parts.rollouts,
                       .standings = standings_,
                       .fleet = parts.fleet}),
          dry_run_({.builds = parts.builds,
                    .artifacts = parts.artifacts,
                    .requirements = parts.requirements,
                    .planner = parts.planner,
                    .published = parts.imported != nullptr,
                    .tenants = [this, &fleet = parts.fleet] {
                        return population(fleet, lines_, images_, {}).map([](Population all) {
                            return std::move(all.tenants);
                        });
                    }})
    {
    }
    Views(const Views&) = delete;
    Views& operator=(const Views&) = delete;

    Compliance& compliance() { return compliance_; }
    DryRun& dry_run() { return dry_run_; }

private:
    LineImageRepository images_;
    StandingRepository standings_;
    Lines lines_;
    Compliance compliance_;
    DryRun dry_run_;
};

}  // namespace unikernel::api
