// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "builder_service/platforms/u0/description.hh"
#include "common/model/image.hh"
#include "common/util/result.hh"

/// The C++ that is generated for one image (doc: modules.rst). Pure: text in, text out.
namespace unikernel::u0
{

/// "http-guard" -> "http_guard": a name as a C++ identifier.
std::string identifier(std::string_view name);

/// A string as a C++ literal of exactly its bytes, quotes included.
std::string literal(std::string_view text);

/// config.gen.hh of one installed module.
std::string config_header(const Module& module, const std::map<std::string, nlohmann::json>& values);

/// Point -> functions that implement it, in order of installation.
using Chains = std::map<std::string, std::vector<std::string>>;

/// A module's optional hooks are in it where the core or an installed module declares their point.
/// Errors: unresolvable (a hook of a point that neither the core nor an installed module declares, or a point
/// that two declare).
Result<Chains> chains(const Description& core, const Image& image);

/// hooks.gen.hh of whoever declares `points`.
std::string hooks_header(const std::map<std::string, HookPoint>& points, const Chains& chains);

/// syscalls.gen.hh. Errors: unresolvable, if two modules serve one call.
Result<std::string> syscalls_header(const Image& image);

/// standard.hh, which is precompiled.
std::string standard_headers(const Description& core);

/// image.gen.hh.
std::string image_header(const std::string& name);

}  // namespace unikernel::u0
