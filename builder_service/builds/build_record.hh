// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder_service/builds/build_run.hh"
#include "builder_service/builds/publication.hh"
#include "builder_service/pipeline/pipeline.hh"

namespace unikernel
{

/// One build as it is stored. Secrets in it are sealed.
struct BuildRecord {
    std::int64_t number = 0;       ///< order of submission
    std::string id;                ///< UUID
    std::string created, updated;  ///< RFC 3339
    std::string project;           ///< that it belongs to; "" without identity
    std::string domain;            ///< the project's
    std::string user;              ///< who submitted it
    std::string request_id;        ///< "req-<uuid>", the one that is passed on to other services
    std::string origin = "user";   ///< who submitted it: "user", or "reconcile", the service itself
    std::string not_after;         ///< RFC 3339, whole seconds: when its image stops to serve; "": never
    BuildState state = BuildState::queued;
    std::string request_digest;
    std::string bundle;  ///< "sha256:<hex>"
    nlohmann::json spec;
    nlohmann::json requirements = nlohmann::json::array();  ///< some may not hold yet
    nlohmann::json applied = nlohmann::json::array();       ///< stored ones, [{"name","revision","project"}]
    bool boot_check = true;
    std::optional<Publication> publish;
    std::string phase;  ///< the one it is in, or was in last; empty before the first
    nlohmann::json phases = nlohmann::json::array();  ///< [{"phase","milliseconds"}], finished ones
    std::string error;                                ///< for people; empty unless it failed
    std::string image;                                ///< digest; empty until it was stored
    int attempts = 0;                                 ///< how often it was begun
    /// Grows whenever it is claimed or queued again; who holds an earlier one changes nothing any more.
    std::int64_t epoch = 0;
    std::string builder;  ///< that runs it, or ran it last; "" where there is but one
    std::uint32_t objects_compiled = 0, objects_cached = 0;

    BuildRun run() const { return {id, epoch}; }
};

/// One line of a build's story (doc: rest-api.rst).
struct BuildEvent {
    std::int64_t n = 0;  ///< from 1, without gaps
    std::string time, phase, kind, text;
    std::string state, image, error;  ///< of kind "end"
};

bool has_ended(BuildState state);
/// BuildRecord::created as a time: at which the requirements hold that the image has to meet.
std::chrono::sys_seconds submitted_at(const BuildRecord& build);
/// BuildRecord::not_after as a time; nothing: never.
std::optional<std::chrono::sys_seconds> expiry_of(const BuildRecord& build);
/// An event of kind "warning", now, in the phase the build is in.
BuildEvent warning_event(const BuildRecord& build, std::string text);
nlohmann::json to_json(const BuildRecord& build);
nlohmann::json to_json(const BuildEvent& event);

}  // namespace unikernel
