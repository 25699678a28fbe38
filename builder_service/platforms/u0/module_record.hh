// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "common/model/image.hh"
#include "common/model/module.hh"
#include "common/util/result.hh"

/// What the objects of a module leave behind in a linked image, so that it can be told from the bytes which
/// modules are in it, and with which configuration (doc: image.rst, "Proof"). Each source of a module leaves
/// a line in a section that is not loaded, and that the linker keeps only if it keeps something else of the
/// object: "http-guard 1.0.0". A source that reads the module's constants leaves another one, with the digest
/// of the configuration from which these were made: "http-guard 1.0.0 sha256:...".
namespace unikernel::u0
{

/// module.gen.hh, which is put before each source of the module, C++, C or assembly.
std::string module_header(const Module& module);

/// The line of a configuration, as a C++ declaration for config.gen.hh.
std::string configuration_record(const Module& module, std::string_view digest);

/// What was found of one module.
struct LinkedModule {
    std::set<std::string> versions;
    std::set<std::string> configurations;  ///< digests; more than one: objects of different builds were mixed
};

/// By the modules' names. Errors: invalid (no image that was linked here).
Result<std::map<std::string, LinkedModule>> linked_modules(std::string_view linked);

/// The note's `modules`, whose entries are in the order of installation, with what their own objects left in
/// the linked image: version, and configuration_digest of those that have options. Errors: invalid, if that
/// is not what was planned, naming the module.
Result<nlohmann::json> proven_modules(const Image& planned, nlohmann::json modules, std::string_view linked);

}  // namespace unikernel::u0
