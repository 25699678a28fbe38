// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "u0/secret.hh"

/// SHA-256 (FIPS 180-4), HMAC (RFC 2104) and PBKDF2 (RFC 8018, section 5.2) without SSE registers, which
/// belong to the application while the library OS runs: a ready-made archive compiled with them is unusable
/// here. No data-dependent branch or table index.
namespace u0::http_guard
{

using Bytes = std::span<const std::uint8_t>;
using Digest = std::array<std::uint8_t, 32>;

class Sha256
{
public:
    void update(Bytes bytes);
    Digest finish();  ///< the object is used up

private:
    friend class HmacKey;
    using State = std::array<std::uint32_t, 8>;
    /// Goes on after one whole block that left this state.
    static Sha256 after_block(const State& state);
    static void compress(State& state, const std::uint8_t* block);

    State state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::array<std::uint8_t, 64> block_{};
    std::uint64_t size_ = 0;
};

/// A key prepared for many HMACs: two states instead of the key itself.
class HmacKey
{
public:
    HmacKey() = default;
    explicit HmacKey(Bytes key);

    Digest mac(Bytes message) const;
    /// HMAC of 32 bytes in two compressions; what PBKDF2 repeats.
    void chain(Digest& message) const;

private:
    Sha256::State inner_{}, outer_{};
};

/// PBKDF2-HMAC-SHA256 with a 32-byte result, in slices, because one derivation takes long enough to make
/// everybody else wait.
class Pbkdf2
{
public:
    Pbkdf2() = default;
    /// `iterations` of 0 never ends in a match: result() is all zero and done() at once.
    Pbkdf2(const HmacKey& password, Bytes salt, std::uint32_t iterations);

    bool done() const { return left_ == 0; }
    /// Does at most `iterations` more.
    void step(const HmacKey& password, std::uint32_t iterations);
    const Digest& result() const { return sum_; }

private:
    Digest last_{}, sum_{};
    std::uint32_t left_ = 0;
};

/// Compares without telling by its duration where the difference is.
bool equal_secret(Bytes a, Bytes b);

}  // namespace u0::http_guard
