// SPDX-License-Identifier: Apache-2.0
#include "builder_service/identity/token_cache.hh"

namespace unikernel
{

Digest TokenCache::key(std::string_view token, bool late)
{
    return Sha256().field(late ? "late" : "").field(token).finish();
}

std::optional<TokenCache::Facts> TokenCache::find(const Digest& key, Clock::time_point now)
{
    const std::scoped_lock lock(mutex_);
    const auto found = index_.find(key);
    if (found == index_.end())
        return std::nullopt;
    if (found->second->until <= now) {
        entries_.erase(found->second);
        index_.erase(found);
        return std::nullopt;
    }
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->facts;
}

void TokenCache::keep(const Digest& key, Facts facts, Clock::time_point until)
{
    const std::scoped_lock lock(mutex_);
    if (const auto found = index_.find(key); found != index_.end()) {
        entries_.erase(found->second);
        index_.erase(found);
    }
    if (entries_.size() >= capacity_) {
        index_.erase(entries_.back().key);
        entries_.pop_back();
    }
    entries_.push_front({key, std::move(facts), until});
    index_.emplace(key, entries_.begin());
}

}  // namespace unikernel
