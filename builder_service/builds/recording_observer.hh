// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "builder_service/builds/build_repository.hh"
#include "builder_service/builds/running_builds.hh"
#include "builder_service/pipeline/pipeline.hh"

namespace unikernel
{

/// Stores a build's progress as events, and asks for its end when it writes too much, when the disk is full
/// or when another builder has it. What a database that is away does not take, it gets when it is back. Used
/// by the building thread alone.
class RecordingObserver final : public BuildObserver
{
public:
    /// `stop` is called at most a few times per build; `stored` after each event.
    RecordingObserver(BuildRepository& repository, BuildRecord& build, std::uint64_t log_limit,
                      std::function<void(StopReason)> stop, std::function<void()> stored);

    void phase(Phase phase, std::string_view what) override;
    void log(std::string_view line) override;
    void warning(std::string_view text) override;
    /// False: some of it could not be stored yet.
    bool store_rest();

private:
    void store(std::string_view kind, std::string_view text);

    BuildRepository& repository_;
    BuildRecord& build_;
    std::uint64_t log_left_;           ///< bytes
    std::vector<BuildEvent> pending_;  ///< not stored yet
    std::function<void(StopReason)> stop_;
    std::function<void()> stored_;
};

}  // namespace unikernel
