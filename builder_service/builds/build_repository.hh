// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "builder_service/builds/build_record.hh"
#include "builder_service/database/database.hh"
#include "builder_service/database/scope.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// Builds and their events; all SQL of these tables is in this class. Thread-safe. Failures are
/// internal, or no_space when the disk is full.
class BuildRepository
{
public:
    /// `database` outlives it.
    explicit BuildRepository(Database& database) : database_(database) {}
    BuildRepository(const BuildRepository&) = delete;
    BuildRepository& operator=(const BuildRepository&) = delete;

    /// Stores a queued build, durable when this returns; fills in `number`.
    Result<void> add(BuildRecord& build);
    Result<std::optional<BuildRecord>> find(const std::string& id, const Scope& scope);
    /// The project's latest with this request digest and boot check.
    Result<std::optional<BuildRecord>> find_request(const std::string& project, const std::string& digest,
                                                    bool boot_check);
    /// Newest first; those older than the build `marker`, or from the newest when it is empty.
    Result<std::vector<BuildRecord>> list(const Scope& scope, const std::string& marker, std::size_t limit);
    /// Of each name (of a spec) in a project the newest that succeeded and has an image; by project, then
    /// name.
    Result<std::vector<BuildRecord>> heads(const Scope& scope);
    /// Oldest first.
    Result<std::vector<BuildRecord>> in_state(BuildState state);
    Result<std::size_t> count(BuildState state);
    Result<std::size_t> count(BuildState state, const std::string& project);

    /// The oldest queued build of the project whose turn it is (the one served longest ago), which is running
    /// from then on.
    Result<std::optional<BuildRecord>> claim();
    /// Queued again, as if it had not been begun (`attempts` as given), with one event.
    Result<void> requeue(const BuildRecord& build, int attempts, BuildEvent why);
    Result<void> set_phase(const BuildRecord& build, const std::string& phase);
    /// What is known of its image and of its place in Glance, durable when this returns.
    Result<void> set_image(const BuildRecord& build);
    /// Oldest first.
    Result<std::vector<BuildRecord>> in_publish_state(PublishState state);
    /// Its end state, with the event `end`, durable when this returns.
    Result<void> finish(const BuildRecord& build);

    /// Stores the events and numbers them.
    Result<void> append(const BuildRecord& build, std::vector<BuildEvent> events);
    /// Those with n >= `from`, in order.
    Result<std::vector<BuildEvent>> events(const BuildRecord& build, std::int64_t from, std::size_t limit);

    /// Succeeded ones of which the loop remembers no image yet (table line_images).
    Result<std::vector<BuildRecord>> not_remembered();
    /// Whether a build of this line waits or runs.
    Result<bool> under_way(const std::string& project, const std::string& name);

    /// Removes the project's oldest ended builds beyond `keep`, with their events; not the heads of lines,
    /// nor those of which something may still have to be taken out of Glance.
    Result<void> prune(const std::string& project, std::size_t keep);

private:
    Database& database_;
};

}  // namespace unikernel
