// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace unikernel
{

/// What was wanted of each head at the last look. It is known again at once while its stamp is the same, and
/// without making a plan while its key is: the stamp is of all requirements and modules there are, the key of
/// those things alone that the wish is made of. Thread-safe.
template <typename Wish>
class WishCache
{
public:
    std::optional<Wish> by_stamp(const std::string& head, const std::string& stamp)
    {
        const std::scoped_lock lock(mutex_);
        const auto found = entries_.find(head);
        return found != entries_.end() && found->second.stamp == stamp ? std::optional(found->second.wish)
                                                                       : std::nullopt;
    }
    /// It has this stamp from then on.
    std::optional<Wish> by_key(const std::string& head, const std::string& key, const std::string& stamp)
    {
        const std::scoped_lock lock(mutex_);
        const auto found = entries_.find(head);
        if (found == entries_.end() || found->second.key != key)
            return std::nullopt;
        found->second.stamp = stamp;
        return found->second.wish;
    }
    void keep(const std::string& head, std::string key, std::string stamp, Wish wish)
    {
        const std::scoped_lock lock(mutex_);
        entries_.insert_or_assign(head, Entry{std::move(key), std::move(stamp), std::move(wish)});
    }
    void forget_others(const std::set<std::string>& heads)
    {
        const std::scoped_lock lock(mutex_);
        std::erase_if(entries_, [&](const auto& each) { return !heads.contains(each.first); });
    }

private:
    struct Entry {
        std::string key, stamp;
        Wish wish;
    };
    std::mutex mutex_;
    std::map<std::string, Entry> entries_;  ///< by the head's id
};

}  // namespace unikernel
