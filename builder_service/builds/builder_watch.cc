// SPDX-License-Identifier: Apache-2.0
#include "builder_service/builds/builder_watch.hh"

namespace unikernel
{

Result<std::vector<std::string>> BuilderWatch::look()
{
    const auto beaten = builders_.beat(name_);
    const auto others = beaten ? builders_.others(name_)
                               : Result<std::map<std::string, std::int64_t>>(tl::unexpected(beaten.error()));
    if (!others) {
        seen_.clear();  // nobody could be heard
        return tl::unexpected(others.error());
    }
    std::vector<std::string> silent;
    const auto now = now_();
    std::map<std::string, Seen> seen;
    for (const auto& [name, beat] : *others) {
        auto& last = seen[name];
        const auto before = seen_.find(name);
        last = before != seen_.end() && before->second.beat == beat ? before->second : Seen{beat, now};
        if (now - last.since >= lease_) {
            silent.push_back(name);
            last.since = now;
        }
    }
    seen_ = std::move(seen);
    return silent;
}

}  // namespace unikernel
