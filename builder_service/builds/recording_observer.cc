// SPDX-License-Identifier: Apache-2.0
#include "builder_service/builds/recording_observer.hh"

#include <spdlog/spdlog.h>

#include "builder_service/database/timestamp.hh"

namespace unikernel
{

namespace
{
constexpr std::size_t line_limit = std::size_t{8} << 10;  // bytes of one event's text
}

RecordingObserver::RecordingObserver(BuildRepository& repository, BuildRecord& build, std::uint64_t log_limit,
                                     std::function<void(StopReason)> stop, std::function<void()> stored)
    : repository_(repository), build_(build), log_left_(log_limit), stop_(std::move(stop)),
      stored_(std::move(stored))
{
}

void RecordingObserver::phase(Phase phase, std::string_view what)
{
    build_.phase = to_string(phase);
    if (auto set = repository_.set_phase(build_, build_.phase); !set)
        spdlog::error("build {}: {}", build_.id, set.error().message);
    store("phase", what);
}

void RecordingObserver::log(std::string_view line)
{
    store("log", line);
}
void RecordingObserver::warning(std::string_view text)
{
    store("warning", text);
}

void RecordingObserver::store(std::string_view kind, std::string_view text)
{
    if (text.size() + 1 > log_left_) {
        stop_(StopReason::log_limit);
        return;
    }
    log_left_ -= text.size() + 1;
    BuildEvent event{.n = 0,
                     .time = timestamp(),
                     .phase = build_.phase,
                     .kind = std::string(kind),
                     .text = std::string(text.substr(0, line_limit)),
                     .state = {},
                     .image = {},
                     .error = {}};
    if (text.size() > line_limit)
        event.text += " ... (line cut)";
    pending_.push_back(std::move(event));
    if (store_rest())
        stored_();
}

bool RecordingObserver::store_rest()
{
    if (pending_.empty())
        return true;
    const auto appended = repository_.append(build_, pending_);
    if (!appended && appended.error().kind == FailureKind::unavailable)
        return false;
    pending_.clear();
    if (appended)
        return true;
    spdlog::error("build {}: {}", build_.id, appended.error().message);
    if (appended.error().kind == FailureKind::no_space)
        stop_(StopReason::disk_full);
    if (appended.error().kind == FailureKind::conflict)
        stop_(StopReason::taken_over);
    return true;
}

}  // namespace unikernel
