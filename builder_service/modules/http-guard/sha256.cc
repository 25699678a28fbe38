// SPDX-License-Identifier: Apache-2.0
#include "sha256.hh"

#include <algorithm>
#include <bit>
#include <cstring>

namespace u0::http_guard
{

namespace
{

constexpr std::array<std::uint32_t, 64> round_constants{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

std::uint32_t load_be(const std::uint8_t* in)
{
    std::uint32_t word;
    __builtin_memcpy(&word, in, sizeof word);  // not std::memcpy: that is a call in freestanding code
    return __builtin_bswap32(word);
}

void store_be(std::uint8_t* out, std::uint32_t word)
{
    word = __builtin_bswap32(word);
    __builtin_memcpy(out, &word, sizeof word);
}

}  // namespace

void Sha256::compress(State& state, const std::uint8_t* block)
{
    std::array<std::uint32_t, 64> w;
    for (std::size_t i = 0; i < 16; ++i)
        w[i] = load_be(block + 4 * i);
    for (std::size_t i = 16; i < 64; ++i) {
        const std::uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
        const std::uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = state;
    for (std::size_t i = 0; i < 64; ++i) {
        const std::uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
        const std::uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + round_constants[i] + w[i];
        const std::uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
        const std::uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    const State add{a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < 8; ++i)
        state[i] += add[i];
}

Sha256 Sha256::after_block(const State& state)
{
    Sha256 hash;
    hash.state_ = state;
    hash.size_ = hash.block_.size();
    return hash;
}

void Sha256::update(Bytes bytes)
{
    while (!bytes.empty()) {
        const std::size_t at = size_ % block_.size();
        const std::size_t n = std::min(bytes.size(), block_.size() - at);
        std::memcpy(block_.data() + at, bytes.data(), n);
        size_ += n;
        if (at + n == block_.size())
            compress(state_, block_.data());
        bytes = bytes.subspan(n);
    }
}

Digest Sha256::finish()
{
    static constexpr std::array<std::uint8_t, 64> padding{0x80};
    const std::uint64_t bits = size_ * 8;
    update(Bytes(padding).first(1 + (119 - size_ % 64) % 64));
    std::array<std::uint8_t, 8> length;
    store_be(length.data(), static_cast<std::uint32_t>(bits >> 32));
    store_be(length.data() + 4, static_cast<std::uint32_t>(bits));
    update(length);
    Digest digest;
    for (std::size_t i = 0; i < 8; ++i)
        store_be(digest.data() + 4 * i, state_[i]);
    return digest;
}

HmacKey::HmacKey(Bytes key)
{
    std::array<std::uint8_t, 64> pad{};
    if (key.size() > pad.size()) {
        Sha256 hash;
        hash.update(key);
        const Digest digest = hash.finish();
        std::copy(digest.begin(), digest.end(), pad.begin());
    } else {
        std::copy(key.begin(), key.end(), pad.begin());
    }
    for (std::uint8_t& byte : pad)
        byte ^= 0x36;
    const Sha256 initial;
    inner_ = outer_ = initial.state_;
    Sha256::compress(inner_, pad.data());
    for (std::uint8_t& byte : pad)
        byte ^= 0x36 ^ 0x5c;
    Sha256::compress(outer_, pad.data());
}

Digest HmacKey::mac(Bytes message) const
{
    Sha256 inner = Sha256::after_block(inner_), outer = Sha256::after_block(outer_);
    inner.update(message);
    outer.update(inner.finish());
    return outer.finish();
}

void HmacKey::chain(Digest& message) const
{
    // A block of 32 bytes of message, the 0x80 of the padding and the length: 64 + 32 bytes = 768 bits.
    std::array<std::uint8_t, 64> block{};
    block[32] = 0x80;
    block[62] = 0x03;
    for (const Sha256::State* half : {&inner_, &outer_}) {
        std::memcpy(block.data(), message.data(), message.size());
        Sha256::State state = *half;
        Sha256::compress(state, block.data());
        for (std::size_t i = 0; i < state.size(); ++i)
            store_be(message.data() + 4 * i, state[i]);
    }
}

Pbkdf2::Pbkdf2(const HmacKey& password, Bytes salt, std::uint32_t iterations) : left_(iterations)
{
    if (iterations == 0)
        return;
    std::array<std::uint8_t, 64> first{};
    const std::size_t n = std::min(salt.size(), first.size() - 4);
    std::copy_n(salt.begin(), n, first.begin());
    first[n + 3] = 1;  // INT(1): the only block of the result
    last_ = password.mac(Bytes(first).first(n + 4));
    sum_ = last_;
    --left_;
}

void Pbkdf2::step(const HmacKey& password, std::uint32_t iterations)
{
    for (std::uint32_t n = std::min(left_, iterations); n != 0; --n, --left_) {
        password.chain(last_);
        for (std::size_t i = 0; i < sum_.size(); ++i)
            sum_[i] ^= last_[i];
    }
}

bool equal_secret(Bytes a, Bytes b)
{
    if (a.size() != b.size())
        return false;
    std::uint8_t difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
    // Hides the loop's meaning from the optimiser, which might otherwise leave it early.
    asm volatile("" : "+r"(difference));
    return difference == 0;
}

}  // namespace u0::http_guard
