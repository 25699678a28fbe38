// SPDX-License-Identifier: Apache-2.0
#include "verifier.hh"

#include "text.hh"

#include <algorithm>
#include <bit>

namespace u0::http_guard
{

namespace
{

Bytes bytes_of(std::string_view text)
{
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

constexpr CredentialSet bit(std::size_t index)
{
    return CredentialSet{1} << index;
}

int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/// token68 of RFC 9110, section 11.2.
bool is_token68(std::string_view text)
{
    const std::size_t end = text.find_last_not_of('=') + 1;  // npos + 1 is 0
    for (const char c : text.substr(0, end))
        if (!is_unreserved(c) && c != '+' && c != '/')
            return false;
    return end != 0;
}

}  // namespace

std::size_t decode_base64(std::string_view text, std::span<std::uint8_t> out)
{
    if (text.size() % 4 != 0 || text.size() / 4 * 3 > out.size())
        return SIZE_MAX;
    std::size_t padding = 0;
    while (padding < 2 && text.ends_with('=')) {
        text.remove_suffix(1);
        ++padding;
    }
    std::uint32_t group = 0;
    std::size_t size = 0, count = 0;
    for (const char c : text) {
        const int value = base64_value(c);
        if (value < 0)
            return SIZE_MAX;
        group = group << 6 | static_cast<std::uint32_t>(value);
        if (++count % 4 == 0)
            for (const int shift : {16, 8, 0})
                out[size++] = static_cast<std::uint8_t>(group >> shift);
    }
    // The unused bits of the last character must be zero: one text for one value.
    if (padding == 1) {
        if ((group & 3) != 0)
            return SIZE_MAX;
        out[size++] = static_cast<std::uint8_t>(group >> 10);
        out[size++] = static_cast<std::uint8_t>(group >> 2);
    } else if (padding == 2) {
        if ((group & 15) != 0)
            return SIZE_MAX;
        out[size++] = static_cast<std::uint8_t>(group >> 4);
    }
    return size;
}

Presentation parse_authorization(std::string_view value)
{
    Presentation result;
    const std::size_t space = value.find(' ');
    const std::string_view scheme = value.substr(0, space);
    if (equal_nocase(scheme, "Basic"))
        result.scheme = Scheme::basic;
    else if (equal_nocase(scheme, "Bearer"))
        result.scheme = Scheme::bearer;
    else
        return result;
    result.token = space == std::string_view::npos ? std::string_view() : trim(value.substr(space));
    const bool well_formed = is_token68(result.token) && result.token.size() <= Verifier::token_limit;
    result.kind = well_formed ? Presentation::Kind::valid : Presentation::Kind::invalid;
    return result;
}

Digest Verifier::fingerprint(const Presentation& presentation) const
{
    Sha256 hash;
    hash.update(key_);
    const std::uint8_t scheme = static_cast<std::uint8_t>(presentation.scheme);
    hash.update(Bytes(&scheme, 1));
    hash.update(bytes_of(presentation.token));
    return hash.finish();
}

CredentialSet Verifier::recall(const Presentation& presentation, CredentialSet candidates) const
{
    if (presentation.kind != Presentation::Kind::valid || (candidates & known_set_) == 0)
        return 0;
    const Digest digest = fingerprint(presentation);
    CredentialSet found = 0;
    for (CredentialSet rest = candidates & known_set_; rest != 0; rest &= rest - 1) {
        const std::size_t i = static_cast<std::size_t>(std::countr_zero(rest));
        found |= equal_secret(digest, known_[i]) ? bit(i) : 0;
    }
    return found;
}

void Verifier::begin(const Policy& policy, const Presentation& presentation, CredentialSet candidates)
{
    Bytes user, secret = bytes_of(presentation.token);
    bool valid = presentation.kind == Presentation::Kind::valid;
    if (valid && presentation.scheme == Scheme::basic) {
        const std::size_t size = decode_base64(presentation.token, decoded_);
        const auto end = decoded_.begin() + static_cast<std::ptrdiff_t>(size == SIZE_MAX ? 0 : size);
        const auto colon = std::find(decoded_.begin(), end, std::uint8_t{':'});
        valid = colon != end;
        if (valid) {
            user = Bytes(decoded_.begin(), colon);
            secret = Bytes(colon + 1, end);
        }
    }
    cancel();
    busy_ = true;
    for (std::size_t i = 0; i < policy.credentials.size() && valid; ++i) {
        const Credential& credential = policy.credentials[i];
        if ((candidates & bit(i)) == 0 || credential.scheme != presentation.scheme)
            continue;
        const bool same_user =
            credential.scheme == Scheme::bearer || equal_secret(bytes_of(credential.user), user);
        eligible_ |= same_user ? bit(i) : 0;
        to_try_ |= bit(i);
    }
    // Without an eligible one the first is tried for show.
    to_try_ = eligible_ != 0 ? eligible_ : to_try_ & (~to_try_ + 1);
    password_ = HmacKey(secret);
    fingerprint_ = fingerprint(presentation);
    next_candidate(policy);
    decoded_.fill(0);
}

void Verifier::next_candidate(const Policy& policy)
{
    if (to_try_ == 0)
        return;
    current_ = static_cast<std::uint32_t>(std::countr_zero(to_try_));
    const u0::Secret& secret = policy.credentials[current_].secret;
    derivation_ = Pbkdf2(password_, secret.salt, secret.iterations);
}

bool Verifier::step(const Policy& policy, std::uint32_t iterations)
{
    if (to_try_ != 0) {
        derivation_.step(password_, iterations);
        if (!derivation_.done())
            return false;
        const u0::Secret& secret = policy.credentials[current_].secret;
        const bool equal = equal_secret(derivation_.result(), secret.hash) && secret.iterations != 0;
        verified_ |= equal ? bit(current_) & eligible_ : 0;
        to_try_ &= to_try_ - 1;
        next_candidate(policy);
        if (to_try_ != 0)
            return false;
    }
    for (CredentialSet rest = verified_; rest != 0; rest &= rest - 1)
        known_[static_cast<std::size_t>(std::countr_zero(rest))] = fingerprint_;
    known_set_ |= verified_;
    busy_ = false;
    return true;
}

void Verifier::cancel()
{
    busy_ = false;
    to_try_ = verified_ = eligible_ = 0;
    password_ = HmacKey();
    derivation_ = Pbkdf2();
}

}  // namespace u0::http_guard
