// SPDX-License-Identifier: Apache-2.0
// A generator with fast key erasure (D. J. Bernstein, "Fast-key-erasure random-number generators", 2017):
// each use of ChaCha20 replaces its key first, so the past cannot be computed from what memory holds now.
#include "u0/random.hh"

#include "chacha20.hh"
#include "hooks.gen.hh"
#include "random.hh"
#include "u0/cpu.hh"

namespace u0
{
namespace
{

std::uint32_t key[8];
std::uint32_t pool[8];       // output not yet given out
std::size_t pool_left = 0;   // bytes of it
std::size_t real_bytes = 0;  // from real sources so far

void refill()
{
    std::uint32_t block[16];
    chacha20_block(key, 0, block);
    __builtin_memcpy(key, block, 32);
    __builtin_memcpy(pool, block + 8, 32);
    pool_left = 32;
}

/// Mixes into the key: what was unknown of it stays unknown, what is unknown of the input is added.
void absorb(const unsigned char* bytes, std::size_t size)
{
    while (size) {
        const std::size_t part = size < 32 ? size : 32;
        std::uint32_t input[8] = {};
        __builtin_memcpy(input, bytes, part);
        for (int i = 0; i < 8; ++i)
            key[i] ^= input[i];
        refill();
        bytes += part;
        size -= part;
    }
    pool_left = 0;
}

bool processor_word(bool seed, std::uint64_t& word)
{
    for (int tries = 0; tries < 10; ++tries) {
        bool ok;
        if (seed)
            asm volatile("rdseed %0" : "=r"(word), "=@ccc"(ok));
        else
            asm volatile("rdrand %0" : "=r"(word), "=@ccc"(ok));
        if (ok)
            return true;
    }
    return false;
}

/// 64 bytes by RDSEED or RDRAND (Intel SDM volume 1, section 7.3.17), as far as the processor has them.
U0_INIT_TEXT void absorb_processor()
{
    const bool has_seed = cpu::cpuid(0).a >= 7 && cpu::cpuid(7).b & 1u << 18;
    const bool has_rand = cpu::cpuid(1).c & 1u << 30;
    for (int i = 0; i < 8; ++i) {
        std::uint64_t word = 0;
        if (!(has_seed && processor_word(true, word)) && !(has_rand && processor_word(false, word)))
            return;
        absorb(reinterpret_cast<const unsigned char*>(&word), sizeof word);
        real_bytes += sizeof word;
    }
}

/// How long reading a device takes, again and again: little, but never nothing.
U0_INIT_TEXT void absorb_jitter()
{
    for (int i = 0; i < 8; ++i) {
        std::uint64_t times[4];
        for (std::uint64_t& time : times) {
            cpu::inb(0x61);
            time = cpu::rdtsc();
        }
        absorb(reinterpret_cast<const unsigned char*>(times), sizeof times);
    }
}

}  // namespace

U0_INIT_TEXT std::uint64_t random_init()
{
    absorb_processor();
    absorb_jitter();
    return random_u64();
}

U0_INIT_TEXT void random_seed_from_devices()
{
    hooks::random_seed.each([](auto source) {
        unsigned char bytes[64];
        std::size_t size = source(bytes, sizeof bytes);
        if (size > sizeof bytes)
            size = sizeof bytes;
        absorb(bytes, size);
        real_bytes += size;
    });
}

void random_fill(void* out, std::size_t bytes)
{
    auto* to = static_cast<unsigned char*>(out);
    while (bytes) {
        if (pool_left == 0)
            refill();
        const std::size_t part = bytes < pool_left ? bytes : pool_left;
        unsigned char* from = reinterpret_cast<unsigned char*>(pool) + 32 - pool_left;
        __builtin_memcpy(to, from, part);
        __builtin_memset(from, 0, part);
        to += part;
        bytes -= part;
        pool_left -= part;
    }
}

std::uint32_t random_u32()
{
    std::uint32_t value;
    random_fill(&value, sizeof value);
    return value;
}

std::uint64_t random_u64()
{
    std::uint64_t value;
    random_fill(&value, sizeof value);
    return value;
}

bool random_well_seeded()
{
    return real_bytes >= 32;
}

}  // namespace u0
