// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "builder_service/builds/build_record.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// Builds and their events in a database; all SQL is in this class. SQLite is what it knows
/// today. Thread-safe. Failures are internal, or no_space when the disk is full.
class BuildRepository
{
public:
    /// Creates the file or brings its tables up to date. Errors also: conflict, when a newer
    /// version of the program wrote it.
    static Result<std::unique_ptr<BuildRepository>> open(const std::filesystem::path& file);
    ~BuildRepository();
    BuildRepository(const BuildRepository&) = delete;
    BuildRepository& operator=(const BuildRepository&) = delete;

    /// Stores a queued build, durable when this returns; fills in `number`.
    Result<void> add(BuildRecord& build);
    Result<std::optional<BuildRecord>> find(const std::string& id);
    /// The latest with this request digest and boot check.
    Result<std::optional<BuildRecord>> find_request(const std::string& digest, bool boot_check);
    /// Newest first; those older than the build `marker`, or from the newest when it is empty.
    Result<std::vector<BuildRecord>> list(const std::string& marker, std::size_t limit);
    /// Oldest first.
    Result<std::vector<BuildRecord>> in_state(BuildState state);
    Result<std::size_t> count(BuildState state);

    /// The oldest queued build, which is running from then on.
    Result<std::optional<BuildRecord>> claim();
    /// Queued again, as if it had not been begun (`attempts` as given), with one event.
    Result<void> requeue(const BuildRecord& build, int attempts, BuildEvent why);
    Result<void> set_phase(const BuildRecord& build, const std::string& phase);
    /// Its end state, with the event `end`, durable when this returns.
    Result<void> finish(const BuildRecord& build);

    /// Stores the events and numbers them.
    Result<void> append(const BuildRecord& build, std::vector<BuildEvent> events);
    /// Those with n >= `from`, in order.
    Result<std::vector<BuildEvent>> events(const BuildRecord& build, std::int64_t from, std::size_t limit);

    /// Removes the oldest ended builds beyond `keep`, with their events.
    Result<void> prune(std::size_t keep);

private:
    class Database;
    explicit BuildRepository(std::unique_ptr<Database> database);
    std::unique_ptr<Database> database_;
};

}  // namespace unikernel
