// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace u0
{

/// The machine's command line (doc/source/contributor/image.rst).  Views live for ever.
namespace cmdline
{

/// Value of the last `key=value` word; an empty view for a bare `key`; nothing when absent.
std::optional<std::string_view> value(std::string_view key);

/// The application's arguments: all after ` -- `, unsplit; empty when there are none.
std::string_view application();

}  // namespace cmdline
}  // namespace u0
