// SPDX-License-Identifier: Apache-2.0
#include "sha256.hh"

#include <gtest/gtest.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <random>
#include <string>
#include <vector>

using namespace u0::http_guard;

namespace
{

Bytes bytes_of(const std::string& text)
{
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string hex(Bytes bytes)
{
    std::string text;
    for (const std::uint8_t byte : bytes) {
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

std::string sha256(const std::string& text)
{
    Sha256 hash;
    hash.update(bytes_of(text));
    return hex(hash.finish());
}

std::string random_text(std::mt19937& random, std::size_t size)
{
    std::string text(size, '\0');
    for (char& c : text)
        c = static_cast<char>(random());
    return text;
}

// FIPS 180-4's examples, as published by NIST.
TEST(Sha256, agrees_with_nist)
{
    EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(sha256(std::string(1'000'000, 'a')),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, agrees_with_openssl_for_every_length_and_split)
{
    std::mt19937 random(1);
    for (std::size_t size = 0; size < 260; ++size) {
        const std::string text = random_text(random, size);
        Digest expected;
        SHA256(bytes_of(text).data(), size, expected.data());
        const std::size_t split = random() % (size + 1);
        Sha256 hash;
        hash.update(bytes_of(text).first(split));
        hash.update(bytes_of(text).subspan(split));
        ASSERT_EQ(hash.finish(), expected) << size << " bytes, split at " << split;
    }
}

TEST(Hmac, agrees_with_openssl_for_short_and_long_keys)
{
    std::mt19937 random(2);
    for (const std::size_t key_size : {0U, 1U, 63U, 64U, 65U, 200U}) {
        const std::string key = random_text(random, key_size);
        const std::string text = random_text(random, 100);
        Digest expected;
        unsigned size = 0;
        HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text).data(), text.size(),
             expected.data(), &size);
        EXPECT_EQ(HmacKey(bytes_of(key)).mac(bytes_of(text)), expected) << "key of " << key_size;
    }
}

TEST(Pbkdf2, agrees_with_openssl_whatever_the_slices)
{
    std::mt19937 random(3);
    for (const std::uint32_t iterations : {1U, 2U, 63U, 64U, 65U, 1000U}) {
        const std::string password = random_text(random, iterations % 90);
        const std::string salt = random_text(random, 16);
        Digest expected;
        PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), bytes_of(salt).data(),
                          static_cast<int>(salt.size()), static_cast<int>(iterations), EVP_sha256(),
                          static_cast<int>(expected.size()), expected.data());
        const HmacKey key(bytes_of(password));
        for (const std::uint32_t slice : {1U, 64U, 5000U}) {
            Pbkdf2 derivation(key, bytes_of(salt), iterations);
            while (!derivation.done())
                derivation.step(key, slice);
            EXPECT_EQ(derivation.result(), expected) << iterations << " iterations by " << slice;
        }
    }
}

TEST(EqualSecret, sees_every_bit_and_the_length)
{
    Digest a{}, b{};
    EXPECT_TRUE(equal_secret(a, b));
    for (std::size_t i = 0; i < a.size() * 8; ++i) {
        b = a;
        b[i / 8] = static_cast<std::uint8_t>(1U << i % 8);
        EXPECT_FALSE(equal_secret(a, b)) << "bit " << i;
    }
    EXPECT_FALSE(equal_secret(a, Bytes(a).first(31)));
}

}  // namespace
