// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/model/image.hh"
#include "common/model/rollout_policy.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// A value somebody asked for, and where he did ("spec", "requirements.staff-only").
struct Sourced {
    nlohmann::json value;
    std::string source;
    bool relied_on = false;  ///< the option's default, which the source did not change and counts on
};

/// What is asked of one module, and by whom.
struct Wanted {
    std::set<std::string> sources;
    std::vector<VersionBound> bounds;                     ///< any of its versions if empty
    std::map<std::string, std::vector<Sourced>> options;  ///< as they were given, one for each who did
};

/// Module name -> what is asked of it: imageSpecs and securityReq of Algorithm 1.
using WantedModules = std::map<std::string, Wanted>;

/// Module name -> its only version that may be chosen, "1.2.0" or "1.2.0@repository" (is_meant): what an
/// earlier resolution came to, so that a rebuild years later resolves identically. Empty: no lock.
using Lock = std::map<std::string, std::string>;

/// How the application's source becomes objects, and how it is started.
struct Application {
    std::vector<std::string> sources;  ///< relative to the bundle's root
    std::string language = "c++20";
    std::vector<std::string> include;      ///< folders, likewise
    std::vector<std::string> definitions;  ///< NAME or NAME=VALUE
    unsigned optimize = 2;
    std::uint64_t memory_mib = 4;        ///< for its heap and stacks, part of the image's minimum memory
    std::vector<std::string> arguments;  ///< argv[1...] unless the command line gives others
};

/// What an author wants built.
struct ImageSpec {
    std::string name;
    std::string platform = "u0";
    std::optional<Application> application;
    WantedModules modules;
    std::map<std::string, std::string> labels;
    Lock lock;
};

/// What a requirement holds for: everything, or specs with all of these labels, or these images.
struct Selector {
    bool everything = false;
    std::map<std::string, std::string> labels;
    std::set<std::string> images;
};

struct SecurityRequirement {
    std::string name;
    std::string description;
    Selector applies_to;
    WantedModules modules;                         ///< may be empty if one of the next two is there
    std::optional<std::chrono::seconds> validity;  ///< how long an image that is made under it may live
    std::optional<RolloutRules> rollout;
    std::optional<std::chrono::sys_seconds> valid_from;  ///< before that it does not hold
};

bool applies(const Selector& selector, const ImageSpec& spec);

/// Of those that apply, the one with the shortest validity; null if none limits it.
const SecurityRequirement* shortest_validity(const std::vector<SecurityRequirement>& requirements,
                                             const ImageSpec& spec);

}  // namespace unikernel
