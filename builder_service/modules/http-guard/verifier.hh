// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policy.hh"
#include "sha256.hh"

#include <array>
#include <cstdint>
#include <string_view>

/// Verification of what an Authorization field presents (Basic: RFC 7617, Bearer: RFC 6750).
namespace u0::http_guard
{

/// An Authorization field of a scheme the guard knows. Views into the field's value.
struct Presentation {
    enum class Kind : std::uint8_t {
        none,     ///< no field, or a scheme unknown here: the same as anonymous
        invalid,  ///< the scheme is known, the rest is not well-formed: wrong
        valid
    };
    Kind kind = Kind::none;
    Scheme scheme = Scheme::basic;
    std::string_view token;  ///< token68 of the field (base64 of user:password, or the bearer token)
};

Presentation parse_authorization(std::string_view value);

/// Verifies presentations against the sealed credentials, one at a time and in slices. The derivation is slow
/// by intent (PBKDF2), so what was verified once is remembered as a digest under a key of this boot: one slot
/// for each credential.
class Verifier
{
public:
    /// Bytes; longer tokens are wrong. Room for a secret of 4096 bytes, the longest that is sealed, with its
    /// user.
    static constexpr std::size_t token_limit = (4096 + 1 + 64) / 3 * 4 + 4;

    /// @param key 32 random bytes, drawn at boot
    void seed(const Digest& key) { key_ = key; }

    /// Fast: which of `candidates` this presentation was verified for before.
    CredentialSet recall(const Presentation& presentation, CredentialSet candidates) const;

    /// Begins to verify against all `candidates` of the presentation's scheme. For Basic the derivation is
    /// made for those with its user name, but at least for one, lest the time tell which users exist.
    void begin(const Policy& policy, const Presentation& presentation, CredentialSet candidates);

    /// Goes on for about `iterations` of PBKDF2. No early exit: all candidates are tried.
    /// @return whether it is done; verified() is valid then
    bool step(const Policy& policy, std::uint32_t iterations);

    bool busy() const { return busy_; }
    CredentialSet verified() const { return verified_; }
    void cancel();

private:
    Digest fingerprint(const Presentation& presentation) const;
    void next_candidate(const Policy& policy);

    Digest key_{};
    std::array<Digest, credentials_limit> known_{};
    CredentialSet known_set_ = 0;

    std::array<std::uint8_t, token_limit / 4 * 3> decoded_{};  ///< only during begin()
    HmacKey password_;
    Pbkdf2 derivation_;
    Digest fingerprint_{};
    CredentialSet to_try_ = 0, verified_ = 0, eligible_ = 0;
    std::uint32_t current_ = 0;
    bool busy_ = false;
};

/// RFC 4648, section 4, with padding and nothing beside. Returns the bytes written, or SIZE_MAX if it is not
/// base64 or longer than `out`.
std::size_t decode_base64(std::string_view text, std::span<std::uint8_t> out);

}  // namespace u0::http_guard
