// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <boost/program_options.hpp>
#include <nlohmann/json.hpp>

#include "builder_service/builds/locations.hh"
#include "builder_service/pipeline/pipeline.hh"
#include "common/util/result.hh"

namespace unikernel::cli
{

/// What the user wants built; secrets are sealed already.
struct BuildJob {
    nlohmann::json spec;
    std::vector<nlohmann::json> requirements;
    std::filesystem::path bundle;  ///< tar archive
    bool boot_check = true;
};

/// How it ended.
struct BuildReport {
    BuildState state = BuildState::failed;
    std::string error;   ///< empty on success
    std::string digest;  ///< of the image, which the backend has stored
    std::string build;   ///< the service's id; empty without one
    std::uint32_t objects_compiled = 0, objects_cached = 0;
};

/// An image as it is listed.
struct ImageEntry {
    std::string digest;
    std::string created;  ///< RFC 3339, so that it can be compared
    nlohmann::json description;
};

/// Who does the work: a builder service or this process. Failures are for people.
class Backend
{
public:
    virtual ~Backend() = default;
    /// Every way a build can end is in the report; the Failure is for what kept it from being a build.
    virtual Result<BuildReport> build(const BuildJob& job, BuildObserver& observer, std::stop_token stop) = 0;
    virtual Result<std::vector<ImageEntry>> images() = 0;
    /// Puts the bytes into `target`. Errors: not_found.
    virtual Result<void> fetch(const std::string& digest, const std::filesystem::path& target) = 0;
    virtual Result<nlohmann::json> modules() = 0;
    virtual Result<nlohmann::json> module(const std::string& name) = 0;
    virtual Result<nlohmann::json> platforms() = 0;
    /// Where modules come from, as GET /v1/repositories has it.
    virtual Result<nlohmann::json> repositories() = 0;
    /// What to add to a command so that it asks the same backend: " --local" or "".
    virtual std::string flags() const = 0;
};

/// By --service, --local, --state and the environment. Nothing is asked over the network yet.
Result<std::unique_ptr<Backend>> open_backend(const boost::program_options::variables_map& values);

Result<std::unique_ptr<Backend>> open_local_backend(Locations locations);
Result<std::unique_ptr<Backend>> open_service_backend(const std::string& url);
/// The defaults, and --state and --config.
Locations locations(const boost::program_options::variables_map& values);
/// --service, else $UNIKERNEL_SERVICE, else the default.
std::string service_url(const boost::program_options::variables_map& values);

/// The digest of "sha256:<hex>", of the beginning of one (six digits at least), or of the newest image
/// of that name. Errors: not_found, conflict (several begin so).
Result<std::string> find_image(Backend& backend, const std::string& reference);

}  // namespace unikernel::cli
