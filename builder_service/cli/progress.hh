// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "builder_service/cli/output.hh"
#include "builder_service/pipeline/pipeline.hh"

namespace unikernel::cli
{

/// Shows a build on standard error: on a terminal one live line for the phase it is in, with the time it
/// has taken so far; in a pipe a plain line when a phase begins. Tools' lines and warnings appear above.
/// Compilers' lines are shown even with --quiet, since they are what a user whose source fails needs.
class Progress final : public BuildObserver
{
public:
    explicit Progress(const Output& output);
    ~Progress() override;
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void phase(Phase phase, std::string_view what) override;
    void log(std::string_view line) override;
    void warning(std::string_view text) override;
    /// No more is coming; ends the live line. `good`: the last phase worked.
    void finish(bool good);

    using Clock = std::chrono::steady_clock;
    /// Finished phases, in order.
    const std::vector<std::pair<Phase, std::chrono::milliseconds>>& phases() const { return finished_; }
    std::chrono::milliseconds total() const;

private:
    void end_phase(bool good);
    void draw();
    void erase();

    const Output& output_;
    std::mutex mutex_;
    Clock::time_point begin_ = Clock::now();
    Clock::time_point phase_begin_ = begin_;
    std::optional<Phase> current_;
    std::string what_;
    bool drawn_ = false;
    std::vector<std::string> held_back_;  ///< lines of tools, with --quiet
    std::vector<std::pair<Phase, std::chrono::milliseconds>> finished_;
    std::jthread ticker_;
};

}  // namespace unikernel::cli
