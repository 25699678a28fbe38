// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/event_pump.hh"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "builder_service/api/limits.hh"

namespace unikernel::api
{

namespace
{

constexpr auto look_again = std::chrono::milliseconds(500);  // for clients that caught up, and heartbeats
constexpr std::size_t events_at_once = 200;

std::string line(const BuildEvent& event)
{
    return to_json(event).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

EventPump::EventPump(BuildService& builds)
    : builds_(builds), thread_([this](const std::stop_token& stop) { pump(stop); })
{
}

void EventPump::add(ProjectPlaces::Place place, std::shared_ptr<LiveSink> sink, const BuildRecord& build,
                    std::int64_t from)
{
    {
        const std::scoped_lock lock(mutex_);
        streams_.push_back({std::move(place), std::move(sink), build, std::max<std::int64_t>(from, 1),
                            std::chrono::steady_clock::now()});
    }
    builds_.changes().raise();
}

void EventPump::close_all()
{
    const std::scoped_lock lock(mutex_);
    for (const auto& stream : streams_)
        stream.sink->close();
    streams_.clear();
}

void EventPump::pump(const std::stop_token& stop)
{
    std::uint64_t seen = 0;
    while (!stop.stop_requested()) {
        seen = builds_.changes().wait(seen, look_again, stop);
        const std::scoped_lock lock(mutex_);
        std::erase_if(streams_, [this](Stream& stream) { return !advance(stream); });
    }
}

bool EventPump::advance(Stream& stream)
{
    if (stream.sink->gone())
        return false;
    if (!send_available(stream)) {
        stream.sink->close();
        return false;
    }
    const auto now = std::chrono::steady_clock::now();
    if (now - stream.last_write >= limits::heartbeat_time && stream.sink->unsent() == 0) {
        stream.sink->write("\n");  // also how a client that went away is noticed
        stream.last_write = now;
    }
    return true;
}

/// Writes what is stored and fits. False: the end was written, or there is none to wait for.
bool EventPump::send_available(Stream& stream)
{
    while (stream.sink->unsent() < limits::stream_unsent_bytes) {
        const auto events = builds_.events(stream.build, stream.next, events_at_once);
        if (!events) {
            spdlog::error("events of build {}: {}", stream.build.id, events.error().message);
            return false;
        }
        std::string text;
        for (const auto& event : *events)
            text += line(event);
        if (!text.empty()) {
            stream.sink->write(text);
            stream.last_write = std::chrono::steady_clock::now();
            stream.next = events->back().n + 1;
        }
        if (!events->empty() && events->back().kind == "end")
            return false;
        if (events->size() < events_at_once)
            break;
    }
    // ?from= beyond the end of a build that has ended: nothing will ever come.
    const auto build = builds_.find(stream.build.id, Scope{stream.build.project, false});
    if (!build)
        return false;
    if (!has_ended(build->state))
        return true;
    const auto rest = builds_.events(stream.build, stream.next, 1);
    return rest && !rest->empty();
}

}  // namespace unikernel::api
