// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policy.hh"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace u0::http_guard
{

/// What is sealed into the image.
struct Settings {
    Policy policy;
    std::string_view realm;
    std::size_t head_limit = 8192;  ///< bytes
    std::uint64_t head_timeout_ns = 10'000'000'000;
    std::uint64_t body_limit = ~std::uint64_t{0};  ///< bytes of content
    bool reuse_after_body = false;
    std::span<const long long> ports{};  ///< whose connections are guarded; empty: all
    bool audit = false;                  ///< refusals are told on the console
};

/// The image's own (sealed_settings.cc).
extern const Settings sealed_settings;

}  // namespace u0::http_guard
