// SPDX-License-Identifier: Apache-2.0
#include "builder_service/publishing/leftovers.hh"

#include <spdlog/spdlog.h>

#include "builder_service/publishing/glance_document.hh"

namespace unikernel
{

Leftovers::Leftovers(Glance& glance, BuildRepository& repository, std::chrono::milliseconds pause)
    : glance_(glance), repository_(repository), pause_(pause),
      thread_([this](const std::stop_token& stop) { work(stop); })
{
}

void Leftovers::look()
{
    const std::scoped_lock lock(mutex_);
    ++asked_;
    changed_.notify_all();
}

void Leftovers::work(const std::stop_token& stop)
{
    std::uint64_t seen = 0;
    bool clean = true;
    while (!stop.stop_requested()) {
        {
            std::unique_lock lock(mutex_);
            const auto asked = [&] { return asked_ != seen; };
            if (clean)
                changed_.wait(lock, stop, asked);
            else
                changed_.wait_for(lock, stop, pause_, asked);
            seen = asked_;
        }
        if (!stop.stop_requested())
            clean = remove_all(stop);
    }
}

/// False: some are still there.
bool Leftovers::remove_all(const std::stop_token& stop)
{
    auto builds = repository_.in_publish_state(PublishState::removing);
    if (!builds) {
        spdlog::error("{}", builds.error().message);
        return false;
    }
    bool clean = true;
    for (auto& build : *builds) {
        const auto removed = remove(build, stop);
        clean = clean && removed;
        if (!removed)
            spdlog::warn("build {}: image {} is not taken out of Glance yet: {}", build.id,
                         build.publish->image_id, removed.error().message);
    }
    return clean;
}

Result<void> Leftovers::remove(BuildRecord& build, const std::stop_token& stop)
{
    const GlanceCall call{build.request_id, stop};
    const auto found = glance_.find(build.publish->image_id, call);
    if (!found)
        return tl::unexpected(found.error());
    if (*found && is_of_build(**found, build)) {
        if (auto removed = glance_.remove(build.publish->image_id, call); !removed)
            return removed;
        spdlog::info("build {}: image {} taken out of Glance", build.id, build.publish->image_id);
    }
    build.publish->state = PublishState::failed;
    return repository_.set_image(build);
}

}  // namespace unikernel
