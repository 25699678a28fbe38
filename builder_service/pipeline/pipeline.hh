// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/model/module.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// Typed end states of a build (doc: rest-api.rst).
enum class BuildState {
    queued,
    running,
    succeeded,
    rejected,
    unresolvable,
    compile_failed,
    link_failed,
    verification_failed,
    boot_failed,
    timed_out,
    log_limit,
    disk_full,
    publish_failed,
    cancelled,
    failed
};
std::string_view to_string(BuildState state);  // "compile-failed"
std::optional<BuildState> build_state(std::string_view text);

enum class Phase { plan, resolve, generate, compile, link, verify, boot, store, publish };
std::string_view to_string(Phase phase);

/// What is to be built. All of it is data; nothing here has been checked yet.
struct BuildRequest {
    nlohmann::json spec;                       ///< the decoded image specification
    std::vector<nlohmann::json> requirements;  ///< security requirements, in any order
    std::filesystem::path bundle;              ///< tar archive of the application's source
    bool boot_check = true;
    /// Until when the image may serve: fixed by who submits, since a build does not depend on the time at
    /// which it runs. Must be given if one of the requirements that apply limits validity.
    std::optional<std::chrono::sys_seconds> not_after = std::nullopt;
};

/// Requirements as they are at one time.
struct InForce {
    std::vector<nlohmann::json> requirements;  ///< those that have begun to hold, in their order
    std::vector<std::string> left_out;         ///< for people: one sentence for each of the others
    /// How long an image may live that is made of the spec now: the shortest of those that apply.
    std::optional<std::chrono::seconds> validity;
};
/// Errors: invalid (the spec or a requirement).
Result<InForce> in_force(const nlohmann::json& spec, std::vector<nlohmann::json> requirements,
                         std::chrono::sys_seconds now);

/// Receives progress. Called from the building thread only; must not throw.
class BuildObserver
{
public:
    virtual ~BuildObserver() = default;
    virtual void phase(Phase phase, std::string_view what) = 0;
    virtual void log(std::string_view line) = 0;
    virtual void warning(std::string_view text) = 0;
};

struct PhaseTime {
    Phase phase;
    std::chrono::microseconds duration;
};

struct BuildOutcome {
    BuildState state = BuildState::failed;
    std::string error;            ///< empty on success; sentences for people
    std::filesystem::path image;  ///< finished file, in the given work folder
    std::string digest;           ///< "sha256:<hex>" of that file
    nlohmann::json description;   ///< the image's own note (doc: image.rst)
    std::vector<PhaseTime> phases;
    std::uint32_t objects_compiled = 0;  ///< not taken from the cache
    std::uint32_t objects_cached = 0;
};

/// Boots a finished image once and says whether it came up; supplied by the composition
/// root so that the pipeline knows no hypervisor. Returns console lines in the failure.
using BootCheck =
    std::function<Result<void>(const std::filesystem::path& image, const nlohmann::json& description,
                               BuildObserver& observer, std::stop_token stop)>;

/// Plain typed settings; only the composition root reads configuration.
struct PipelineSettings {
    std::filesystem::path modules;  ///< folder of module folders, the builder's own
    /// All modules there are, those of the folder among them; empty: only those. Thread-safe.
    std::function<Result<Repository>()> repository;
    std::filesystem::path platforms;          ///< folder of platform folders (u0/core, u0/link.ld ...)
    std::filesystem::path cache;              ///< objects and third-party sources, content-addressed
    std::chrono::seconds time_limit{120};     ///< per tool
    std::uint64_t memory_limit = 2ULL << 30;  ///< bytes per sandbox
    std::uint32_t process_limit = 64;
    std::uint64_t output_limit = 1ULL << 20;   ///< bytes of tool output per build
    std::uint64_t bundle_limit = 64ULL << 20;  ///< unpacked bytes
    std::uint32_t bundle_entries = 10'000;
    BootCheck boot_check;  ///< empty: phase `boot` is skipped
};

/// SHA-256 over everything that determines the result (spec, requirements, bundle digest,
/// modules, platform, toolchain) but `not_after`'s value: two requests with one digest and one
/// `not_after` give the same bytes.
/// Errors: invalid, unresolvable, as `build` would give them.
Result<std::string> request_digest(const PipelineSettings& settings, const BuildRequest& request,
                                   std::string_view bundle_digest);

/// Runs all phases but `store` and `publish` in `work` (an empty folder, owned by the caller, who removes
/// it). Never throws; every way it can end is a BuildState. Thread-safe for distinct `work`.
BuildOutcome build(const PipelineSettings& settings, const BuildRequest& request,
                   const std::filesystem::path& work, BuildObserver& observer, std::stop_token stop);

/// The module that ends an image's service at its time, and its option, in seconds since 1970.
inline constexpr const char* validity_module = "validity";
inline constexpr const char* validity_option = "not_after";

/// Whether a requirement's document (secrets sealed) can be met by the modules that there are, for a spec
/// that asks for nothing else. Errors: invalid (names the place; unknown module or option, bad value).
Result<void> check_requirement(const PipelineSettings& settings, const nlohmann::json& document);

/// The specification that a source bundle brings along: `unikernel.yaml` at its top. Errors: invalid (also
/// when there is none), too_large, not_found (no such bundle).
Result<nlohmann::json> bundle_spec(const std::filesystem::path& bundle);

/// What `inspect` answers: seal verified, ELF checked, note decoded. Errors: invalid (names the
/// check that failed), not_found.
struct ImageFacts {
    std::uint64_t bytes;
    std::string digest;
    nlohmann::json description;
};
Result<ImageFacts> inspect_image(const std::filesystem::path& image);

}  // namespace unikernel
