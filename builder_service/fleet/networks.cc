// SPDX-License-Identifier: Apache-2.0
#include "builder_service/fleet/networks.hh"

#include <algorithm>
#include <charconv>
#include <optional>

#include <arpa/inet.h>

namespace unikernel
{

namespace
{

using Address = Networks::Address;

constexpr std::array<unsigned char, 12> v4_in_v6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::optional<Address> address_of(const std::string& text)
{
    Address address;
    if (inet_pton(AF_INET, text.c_str(), address.bytes.data()) == 1)
        return address;
    address.v4 = false;
    if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) != 1)
        return std::nullopt;
    if (!std::equal(v4_in_v6.begin(), v4_in_v6.end(), address.bytes.begin()))
        return address;
    Address plain;
    std::copy(address.bytes.begin() + v4_in_v6.size(), address.bytes.end(), plain.bytes.begin());
    return plain;
}

/// The network's first address, in which all bits behind `length` are 0.
Address masked(Address address, unsigned length)
{
    for (unsigned i = 0; i < address.bytes.size(); ++i) {
        const unsigned kept = std::min(8U, length - std::min(length, i * 8));
        address.bytes[i] &= static_cast<unsigned char>(0xff00U >> kept);
    }
    return address;
}

std::string trimmed(std::string text)
{
    text.erase(0, std::min(text.find_first_not_of(" \t"), text.size()));
    text.erase(text.find_last_not_of(" \t") + 1);
    return text;
}

}  // namespace

Result<Networks> Networks::parse(const std::string& text)
{
    Networks result;
    for (std::size_t at = 0; at <= text.size();) {
        const auto end = std::min(text.find(',', at), text.size());
        const auto item = trimmed(text.substr(at, end - at));
        at = end + 1;
        if (item.empty())
            continue;
        const auto slash = std::min(item.find('/'), item.size());
        const auto first = address_of(item.substr(0, slash));
        const auto digits = item.substr(std::min(slash + 1, item.size()));
        unsigned length = 0;
        const auto [stop, code] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
        if (!first || code != std::errc{} || stop != digits.data() + digits.size() ||
            length > (first->v4 ? 32U : 128U))
            return fail(FailureKind::invalid,
                        "'" + item + "' is no network such as 10.0.0.0/24 or 2001:db8::/64");
        if (masked(*first, length).bytes != first->bytes)
            return fail(FailureKind::invalid,
                        "'" + item + "' is an address in a network; write the network's first address");
        result.all_.push_back({*first, length});
    }
    return result;
}

bool Networks::contain(const std::string& address) const
{
    const auto asked = address_of(address);
    return asked && std::any_of(all_.begin(), all_.end(), [&](const auto& network) {
               return network.first.v4 == asked->v4 &&
                      masked(*asked, network.length).bytes == network.first.bytes;
           });
}

}  // namespace unikernel
