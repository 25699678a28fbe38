// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "builder_service/api/http_types.hh"
#include "builder_service/api/limits.hh"
#include "builder_service/api/project_places.hh"
#include "builder_service/builds/build_service.hh"

namespace unikernel::api
{

/// Sends the events of builds to all who listen, from one thread: a listener costs memory, not
/// a thread, and a slow one is not waited for (events are read again from the database when it
/// has caught up). Thread-safe. The build service outlives it.
class EventPump
{
public:
    explicit EventPump(BuildService& builds);
    EventPump(const EventPump&) = delete;
    EventPump& operator=(const EventPump&) = delete;

    /// For the caller's next stream: it holds its place for as long as it lasts.
    ProjectPlaces& places() { return places_; }
    /// Sends events with n >= `from`, then closes the sink after the build's end.
    void add(ProjectPlaces::Place place, std::shared_ptr<LiveSink> sink, const BuildRecord& build,
             std::int64_t from);
    /// Closes all streams; their clients resume elsewhere with ?from=N.
    void close_all();

private:
    struct Stream {
        ProjectPlaces::Place place;
        std::shared_ptr<LiveSink> sink;
        BuildRecord build;
        std::int64_t next = 1;
        std::chrono::steady_clock::time_point last_write;
    };
    void pump(const std::stop_token& stop);
    /// False: it is over.
    bool advance(Stream& stream);
    bool send_available(Stream& stream);

    BuildService& builds_;
    ProjectPlaces places_{limits::event_streams, limits::project_event_streams};
    std::mutex mutex_;
    std::vector<Stream> streams_;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace unikernel::api
