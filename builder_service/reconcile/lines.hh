// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder_service/builds/build_repository.hh"
#include "builder_service/pipeline/pipeline.hh"
#include "builder_service/reconcile/clock.hh"
#include "builder_service/reconcile/imports.hh"
#include "builder_service/reconcile/line_images.hh"
#include "builder_service/reconcile/wanted.hh"
#include "builder_service/reconcile/wish_cache.hh"
#include "builder_service/requirements/requirement_service.hh"
#include "common/model/rollout_policy.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// What is wanted of a line now: the plan of its head's spec with the requirements that hold.
struct Wish {
    tl::expected<std::string, Impossible> plan_digest;
    nlohmann::json requirements =
        nlohmann::json::array();  ///< stored ones that hold: [{"requirement","revision","project","domain"}]
    RolloutPolicy policy;         ///< of all that apply, the strictest
    /// Of administrators' requirements alone: of a rollout that one of them imposes the project, its builds'
    /// authors too, says nothing.
    RolloutPolicy imposed_policy;
    std::optional<std::chrono::seconds> validity;  ///< how long an image may live; nothing: for ever
    std::string request;  ///< digest of all that determines the wish; another one is worth a try at once
};

/// A line: all builds of a name in a project. Its head is the newest that succeeded, and with Glance the
/// newest of those whose image is there.
struct Line {
    BuildRecord head;
    LineImage image;  ///< the head's
    /// Or why nobody knows just now what is wanted. Then it is neither what was wanted before nor impossible:
    /// what rests on it waits for a look that tells.
    Result<Wish> wish;
    std::string outdated;  ///< for people: why the head's image is not what is wanted; "": it is
    bool stored = true;    ///< of one that is outdated: the service still has the head's image
};

/// An image is renewed when less than a quarter of its validity is left. Dates that cannot be read are in the
/// past. `created`, `not_after`: RFC 3339; an empty `not_after` is never near.
bool expiry_is_near(const std::string& created, const std::string& not_after,
                    std::chrono::system_clock::time_point now);

/// Whether an image was sealed for longer than `validity` from when it was made. Dates that cannot be read
/// are too late. An empty `not_after` is no answer but the plan's: with a validity it is another one.
bool outlives(const std::string& created, const std::string& not_after,
              const std::optional<std::chrono::seconds>& validity);

/// Whether a server that runs `image` does what is wanted, and for some time to come.
bool complies(const LineImage& image, const std::string& plan_digest,
              const std::optional<std::chrono::seconds>& validity, std::chrono::system_clock::time_point now);

/// The lines there are and what is wanted of each. Reads alone, but for the memory of images. Thread-safe.
class Lines
{
public:
    struct Ports {
        Planner plan;
        /// What the build's image says of itself. Errors: not_found (it was deleted).
        std::function<Result<nlohmann::json>(const BuildRecord&)> note;
        /// Differs whenever the modules do that plans are made of. Empty: each plan is made at each look.
        std::function<Result<std::string>()> modules = {};
        /// Where an image is in Glance that the builder did not publish. Empty: servers name images by their
        /// digest. Else they name them by their ids in Glance, and only what is there is a line's head: of
        /// another build no server could be asked to run the image.
        Imports::Find imported = {};
    };
    /// All of it outlives it.
    Lines(BuildRepository& builds, RequirementService& requirements, LineImageRepository& images, Ports ports,
          Clock clock = {});

    /// Every line, of all projects, oldest head first. Errors: as the database.
    Result<std::vector<Line>> look(const std::stop_token& stop = {});
    /// Takes note of the images of builds that succeeded since the last time. Errors: as the database.
    Result<void> remember_images();

private:
    /// When a look is, and the stamp of all that is wanted then; "" if nothing is to be kept.
    struct Moment {
        std::chrono::sys_seconds now;
        std::string modules, stamp;
    };
    Result<Moment> moment();
    Result<Line> line(BuildRecord head, const Moment& moment);
    /// Errors: what is no verdict.
    Result<Wish> wish(const BuildRecord& head, const Moment& moment);
    Result<Wish> planned_wish(const BuildRecord& head, std::vector<RequirementService::Selected> selected,
                              const Moment& moment);

    BuildRepository& builds_;
    RequirementService& requirements_;
    LineImageRepository& images_;
    const Ports ports_;
    const Clock clock_;
    WishCache<Wish> known_;
    Imports imports_;
};

}  // namespace unikernel
