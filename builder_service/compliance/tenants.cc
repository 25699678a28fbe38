// SPDX-License-Identifier: Apache-2.0
#include "builder_service/compliance/tenants.hh"

namespace unikernel
{

Result<Population> population(Fleet& fleet, Lines& lines, LineImageRepository& images, std::stop_token stop)
{
    if (auto known = lines.remember_images(); !known)
        return tl::unexpected(known.error());
    auto servers = fleet.list(std::move(stop));
    if (!servers)
        return tl::unexpected(servers.error());
    Population found;
    for (auto& server : *servers) {
        auto image = images.of_reference(server.project, server.image);
        if (!image)
            return tl::unexpected(image.error());
        if (*image)
            found.tenants.push_back({std::move(server), std::move(**image)});
        else if (server.unikernel)
            found.strangers.push_back(std::move(server));
    }
    return found;
}

}  // namespace unikernel
