// SPDX-License-Identifier: Apache-2.0
#include "builder_service/reconcile/imports.hh"

#include <set>
#include <utility>

#include <spdlog/spdlog.h>

namespace unikernel
{

namespace
{

constexpr unsigned asked_at_once = 16;  ///< builds in one look
constexpr int patience = 4;  ///< it is asked again after this part of the time for which it is known

}  // namespace

Imports::Imports(BuildRepository& builds, LineImageRepository& images, Find find, Clock clock)
    : builds_(builds), images_(images), find_(std::move(find)), clock_(std::move(clock))
{
}

Result<void> Imports::look(const std::stop_token& stop)
{
    const std::scoped_lock lock(mutex_);
    const auto ids = builds_.not_published();
    if (!ids)
        return tl::unexpected(ids.error());
    const std::set<std::string> known(ids->begin(), ids->end());
    std::erase_if(asked_, [&](const auto& each) { return !known.contains(each.first); });
    const auto now = clock_.steady();
    unsigned questions = 0;
    for (const auto& id : *ids) {
        auto& asked = asked_.try_emplace(id, Asked{now, now}).first->second;
        if (asked.next > now || questions == asked_at_once || stop.stop_requested())
            continue;
        ++questions;
        auto build = builds_.find(id, Scope{"", true});
        if (!build)
            return tl::unexpected(build.error());
        if (!*build)
            continue;
        auto found = find_(**build, stop);
        if (!found) {
            spdlog::warn("build {}: it is not known whether its image was imported into Glance: {}", id,
                         found.error().message);
            break;
        }
        asked.next = now + (now - asked.first) / patience;
        if (*found)
            if (auto adopted = adopt(std::move(**build), std::move(**found)); !adopted)
                return adopted;
    }
    return {};
}

Result<void> Imports::adopt(BuildRecord build, Publication publication)
{
    // The id first: a build that counts as published is not looked for again.
    if (auto stored = images_.set_image_id(build.id, publication.image_id); !stored)
        return stored;
    build.publish = std::move(publication);
    auto stored = builds_.set_image(build);
    if (stored)
        spdlog::info("build {}: its image was imported into Glance as {}", build.id, build.publish->image_id);
    return !stored && stored.error().kind == FailureKind::conflict ? Result<void>{} : stored;
}

}  // namespace unikernel
