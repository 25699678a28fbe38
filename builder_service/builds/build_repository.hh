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

/// Builds and their events; all SQL of these tables is in this class. Thread-safe. Failures are those of
/// Database::transact; and conflict, of what changes a build, when that build was claimed or queued again
/// since (BuildRecord::epoch), so that another builder has it now.
class BuildRepository
{
public:
    /// `database` outlives it.
    explicit BuildRepository(Database& database) : database_(database) {}
    BuildRepository(const BuildRepository&) = delete;
    BuildRepository& operator=(const BuildRepository&) = delete;

    /// Stores a queued build and its first events, durable when this returns; fills in `number`. `alone`:
    /// refused (conflict) while another build of its line, which is its project and its name, waits or runs.
    Result<void> add(BuildRecord& build, const std::vector<BuildEvent>& events = {}, bool alone = false);
    Result<std::optional<BuildRecord>> find(const std::string& id, const Scope& scope);
    /// The project's latest with this request digest and boot check.
    Result<std::optional<BuildRecord>> find_request(const std::string& project, const std::string& digest,
                                                    bool boot_check);
    /// Newest first; those older than the build `marker`, or from the newest when it is empty.
    Result<std::vector<BuildRecord>> list(const Scope& scope, const std::string& marker, std::size_t limit);
    /// Of each name (of a spec) in a project the newest that succeeded and has an image; by project, then
    /// name. `published`: of those alone whose image is in Glance.
    Result<std::vector<BuildRecord>> heads(const Scope& scope, bool published = false);
    /// Digests of the bundles of builds that wait or run, and of heads, of which the loop makes new images.
    Result<std::vector<std::string>> needed_bundles();
    /// Ids of those that succeeded and have an image, which they were not asked to publish. Newest first.
    Result<std::vector<std::string>> not_published();
    /// Oldest first.
    Result<std::vector<BuildRecord>> in_state(BuildState state);
    /// Those that this builder runs. Oldest first.
    Result<std::vector<BuildRecord>> running_at(const std::string& builder);
    Result<std::size_t> count(BuildState state);
    Result<std::size_t> count(BuildState state, const std::string& project);

    /// The oldest queued build of the project whose turn it is (the one served longest ago), which this
    /// builder runs from then on, and no other.
    Result<std::optional<BuildRecord>> claim(const std::string& builder = "");
    /// Asks whoever runs it to stop it (`to_be_stopped`).
    Result<void> ask_to_stop(const BuildRecord& build);
    /// What this builder runs and was asked to stop.
    Result<std::vector<BuildRun>> to_be_stopped(const std::string& builder);
    /// Queued again, as if it had not been begun (`attempts` as given), with one event.
    Result<void> requeue(const BuildRecord& build, int attempts, const BuildEvent& why);
    Result<void> set_phase(const BuildRecord& build, const std::string& phase);
    /// What is known of its image and of its place in Glance, durable when this returns.
    Result<void> set_image(const BuildRecord& build);
    /// Oldest first.
    Result<std::vector<BuildRecord>> in_publish_state(PublishState state);
    /// Its end state, with the event `end`, durable when this returns. Also conflict: it has ended.
    Result<void> finish(const BuildRecord& build);

    /// Stores the events and numbers them.
    Result<void> append(const BuildRecord& build, const std::vector<BuildEvent>& events);
    /// Those with n >= `from`, in order.
    Result<std::vector<BuildEvent>> events(const BuildRecord& build, std::int64_t from, std::size_t limit);

    /// Succeeded ones of which the loop remembers no image yet (table line_images).
    Result<std::vector<BuildRecord>> not_remembered();

    /// Removes the project's oldest ended builds beyond `keep`, with their events; not the heads of lines, of
    /// either kind, nor those of which something may still have to be taken out of Glance.
    Result<void> prune(const std::string& project, std::size_t keep);

private:
    Database& database_;
};

}  // namespace unikernel
