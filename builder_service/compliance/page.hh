// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace unikernel
{

/// The compliance report (compliance_report()) as one HTML file for people: tables and a timeline. It needs
/// no script and nothing from elsewhere, follows the reader's light or dark scheme, and shows every text of
/// the report as text.
std::string compliance_page(const nlohmann::json& report);

/// What the page may do: nothing but its own style (Content-Security-Policy).
inline constexpr const char* page_policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// For text and for attribute values in double quotes: what HTML gives a meaning to is escaped, and what
/// it does not allow at all becomes U+FFFD.
std::string html_escaped(const std::string& text);

}  // namespace unikernel
