// SPDX-License-Identifier: Apache-2.0
#include "builder_service/publishing/succession.hh"

namespace unikernel
{

namespace
{

/// Whether `other` came before `own`, an image of `build`: by the order of their builds, and by Glance's
/// clock where one of the builds is no longer remembered.
bool came_before(const GlanceImage& other, const GlanceImage& own, const BuildRecord& build,
                 BuildRepository& repository)
{
    const auto known = repository.find(other.property("unikernel_build"), Scope{build.project, false});
    if (known && *known)
        return (*known)->number < build.number;
    return other.created <= own.created;
}

}  // namespace

Result<std::vector<std::string>> hide_predecessors(Glance& glance, BuildRepository& repository,
                                                   const BuildRecord& build, const GlanceImage& own,
                                                   const GlanceCall& call)
{
    const auto listed = glance.list(
        {{"owner", build.project}, {"name", own.name}, {"status", "active"}, {"os_hidden", "false"}}, call);
    if (!listed)
        return tl::unexpected(listed.error());
    std::vector<std::string> hidden;
    bool superseded = false;
    for (const auto& other : *listed) {
        if (other.id == own.id || other.name != own.name || other.owner != build.project || other.hidden ||
            other.property("unikernel_build").empty())
            continue;
        if (!came_before(other, own, build, repository)) {
            superseded = true;
            continue;
        }
        if (auto done = glance.hide(other.id, call); !done)
            return tl::unexpected(done.error());
        hidden.push_back(other.id);
    }
    if (superseded) {
        if (auto done = glance.hide(own.id, call); !done)
            return tl::unexpected(done.error());
        hidden.push_back(own.id);
    }
    return hidden;
}

}  // namespace unikernel
