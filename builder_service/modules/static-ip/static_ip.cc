// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string_view>

#include "u0/cmdline.hh"
#include "u0/console.hh"
#include "u0/net.hh"

namespace u0::static_ip
{
namespace
{

/// A decimal number of at most `largest` at the front of `rest`, which loses it.
U0_INIT_TEXT std::optional<unsigned> take_number(std::string_view& rest, unsigned largest)
{
    unsigned value = 0;
    std::size_t digits = 0;
    for (; digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9'; ++digits) {
        value = value * 10 + static_cast<unsigned>(rest[digits] - '0');
        if (value > largest)
            return std::nullopt;
    }
    rest.remove_prefix(digits);
    return digits ? std::optional(value) : std::nullopt;
}

U0_INIT_TEXT bool take(std::string_view& rest, char wanted)
{
    if (rest.empty() || rest.front() != wanted)
        return false;
    rest.remove_prefix(1);
    return true;
}

/// Dotted quad to network byte order.
U0_INIT_TEXT std::optional<std::uint32_t> take_address(std::string_view& rest)
{
    std::uint32_t address = 0;
    for (unsigned i = 0; i < 4; ++i) {
        if (i > 0 && !take(rest, '.'))
            return std::nullopt;
        const auto octet = take_number(rest, 255);
        if (!octet)
            return std::nullopt;
        address |= *octet << 8 * i;
    }
    return address;
}

/// An optional address of the command line; 0 without it, a panic when it is none.
U0_INIT_TEXT std::uint32_t address_of_key(std::string_view key)
{
    const auto text = cmdline::value(key);
    if (!text)
        return 0;
    std::string_view rest = *text;
    const auto address = take_address(rest);
    if (!address || !rest.empty())
        panic("command line: {}={} is not an address like 10.0.2.2", key, *text);
    return *address;
}

U0_INIT_TEXT void set_mtu(std::string_view text)
{
    std::string_view rest = text;
    const auto mtu = take_number(rest, 9000);
    if (!mtu || *mtu < 68 || !rest.empty())
        panic("command line: net.mtu={} is not a number from 68 to 9000", text);
    net::set_mtu(*mtu);
}

}  // namespace

U0_INIT_TEXT void init()
{
    if (!net::interface())
        return;
    if (const auto mtu = cmdline::value("net.mtu"))
        set_mtu(*mtu);
    const auto text = cmdline::value("net.ip");
    if (!text)
        return;
    std::string_view rest = *text;
    const auto address = take_address(rest);
    const auto prefix = address && take(rest, '/') ? take_number(rest, 32) : std::nullopt;
    if (!prefix || !rest.empty())
        panic("command line: net.ip={} is not an address and prefix like 10.0.2.15/24", *text);
    net::configure(*address, *prefix, address_of_key("net.gw"), address_of_key("net.dns"));
}

}  // namespace u0::static_ip
