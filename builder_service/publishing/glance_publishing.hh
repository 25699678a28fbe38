// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "builder_service/artifacts/artifact_catalog.hh"
#include "builder_service/builds/build_service.hh"
#include "builder_service/openstack/glance.hh"
#include "builder_service/publishing/find_import.hh"
#include "builder_service/publishing/leftovers.hh"
#include "builder_service/publishing/publisher.hh"

namespace unikernel
{

/// All that a service connected to Glance has for publishing. Thread-safe.
class GlancePublishing
{
public:
    /// `session`: of the service's own account. Both outlive it.
    GlancePublishing(Session& session, const Glance::Settings& glance, Publisher::Settings publisher,
                     BuildRepository& repository)
        : glance_(session, glance), publisher_(glance_, repository, publisher),
          leftovers_(glance_, repository, publisher.longest_pause)
    {
    }

    /// For the BuildService, which this outlives.
    Publishing functions()
    {
        return {.publish =
                    [this](BuildRecord& build, const StoredImage& image, BuildObserver& observer,
                           std::stop_token stop) {
                        return publisher_.publish(build, image, observer, std::move(stop));
                    },
                .leftovers = [this] { leftovers_.look(); }};
    }

    /// Takes an image whose time is over out of use: nobody but administrators gets its bytes any more. It is
    /// well too if Glance has it no longer. Errors: unavailable, invalid, cancelled.
    Result<void> retire(const std::string& image_id, std::stop_token stop)
    {
        const GlanceCall call{.global_request_id = {}, .stop = std::move(stop)};
        const auto image = glance_.find(image_id, call);
        if (!image)
            return tl::unexpected(image.error());
        return *image ? glance_.deactivate(image_id, call) : Result<void>{};
    }

    /// Where the image of a build is in Glance that was not asked to publish it. Nothing: it is not there, or
    /// the bytes are gone here. Errors: as Glance; internal.
    Result<std::optional<Publication>> find_import(const BuildRecord& build, ArtifactCatalog& artifacts,
                                                   std::stop_token stop)
    {
        const auto image = artifacts.image(build.image, Scope{build.project, false});
        if (!image && image.error().kind == FailureKind::not_found)
            return std::nullopt;
        if (!image)
            return tl::unexpected(image.error());
        return unikernel::find_import(glance_, build, *image, std::move(stop));
    }

private:
    Glance glance_;
    Publisher publisher_;
    Leftovers leftovers_;
};

}  // namespace unikernel
