// SPDX-License-Identifier: Apache-2.0
#include "builder_service/publishing/find_import.hh"

#include <utility>

#include "builder_service/publishing/glance_document.hh"

namespace unikernel
{

Result<std::optional<Publication>> find_import(Glance& glance, const BuildRecord& build,
                                               const StoredImage& image, std::stop_token stop)
{
    const GlanceCall call{.global_request_id = build.request_id, .stop = std::move(stop)};
    std::optional<GlanceImage> newest;
    for (const char* hidden : {"false", "true"}) {  // a later build's image may have hidden it already
        const auto listed = glance.list({{"owner", build.project},
                                         {"unikernel_build", build.id},
                                         {"status", "active"},
                                         {"os_hidden", hidden}},
                                        call);
        if (!listed)
            return tl::unexpected(listed.error());
        for (const auto& each : *listed) {
            if (!is_of_build(each, build) || each.status != "active" || each.hash_algorithm != "sha512" ||
                each.hash.empty())
                continue;
            const auto same = holds_bytes(each, image);
            if (!same)
                return tl::unexpected(same.error());
            if (*same && (!newest || each.created > newest->created))
                newest = each;
        }
    }
    if (!newest)
        return std::nullopt;
    return Publication{.name = newest->name,
                       .visibility = newest->all.value("visibility", "") == "shared" ? "shared" : "private",
                       .image_id = newest->id,
                       .id_given = false,
                       .state = PublishState::active};
}

}  // namespace unikernel
