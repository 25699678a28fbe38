// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <vector>

#include "common/util/result.hh"

namespace unikernel
{

/// Networks of IPv4 and IPv6, by address and length. A value; none at first, which hold no address.
class Networks
{
public:
    /// "10.0.0.0/24, 2001:db8::/64"; empty: none. Errors: invalid, in a sentence without the place.
    static Result<Networks> parse(const std::string& text);

    bool empty() const { return all_.empty(); }
    /// False as well if `address` is none. An IPv4 address in IPv6's form counts as IPv4.
    bool contain(const std::string& address) const;

    /// As inet_pton has it; of IPv4 the first four bytes.
    struct Address {
        bool v4 = true;
        std::array<unsigned char, 16> bytes{};
    };

private:
    struct Network {
        Address first;
        unsigned length = 0;  ///< bits
    };
    std::vector<Network> all_;
};

}  // namespace unikernel
