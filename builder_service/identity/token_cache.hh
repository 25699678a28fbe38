// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include "builder_service/identity/token_facts.hh"
#include "common/util/digest.hh"

namespace unikernel
{

/// What Keystone said of tokens, for a while. Keys are SHA-256 digests, so that no token is kept. Of
/// `capacity` entries the one that was used longest ago makes room. Thread-safe.
class TokenCache
{
public:
    using Clock = std::chrono::steady_clock;
    using Facts = std::shared_ptr<const TokenFacts>;  ///< null: Keystone knows no such token

    explicit TokenCache(std::size_t capacity) : capacity_(capacity) {}

    /// `late`: asked with allow_expired, which has answers of its own.
    static Digest key(std::string_view token, bool late);
    std::optional<Facts> find(const Digest& key, Clock::time_point now);
    void keep(const Digest& key, Facts facts, Clock::time_point until);

private:
    struct Entry {
        Digest key;
        Facts facts;
        Clock::time_point until;
    };
    const std::size_t capacity_;
    std::mutex mutex_;
    std::list<Entry> entries_;  ///< last used first
    std::map<Digest, std::list<Entry>::iterator> index_;
};

}  // namespace unikernel
