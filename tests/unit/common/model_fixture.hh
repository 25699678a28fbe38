// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/model/module.hh"

namespace unikernel::test
{

inline Option integer(std::int64_t initial, std::int64_t minimum = 0, std::int64_t maximum = 65535)
{
    Option option;
    option.type = Option::Type::integer;
    option.initial = initial;
    option.minimum = minimum;
    option.maximum = maximum;
    return option;
}

inline Option text(const std::string& pattern = "")
{
    Option option;
    option.type = Option::Type::string;
    option.pattern = pattern;
    return option;
}

inline Module module(const std::string& name, const std::set<std::string>& required = {},
                     const std::set<std::string>& conflicting = {},
                     const std::set<std::string>& provides = {})
{
    Module m;
    m.name = name;
    m.version = "1.0.0";
    m.required.insert(required.begin(), required.end());
    m.conflicting.insert(conflicting.begin(), conflicting.end());
    for (const std::string& name : provides) {
        m.provides[name] = "";
    }
    m.platforms["u0"] = {};
    return m;
}

inline Repository repository(std::vector<Module> modules)
{
    Repository result;
    for (Module& m : modules) {
        EXPECT_TRUE(result.add(std::move(m)));
    }
    return result;
}

/// The seed is fixed, and printed with every failure, so that one can be repeated.
inline constexpr unsigned seed = 20180423;

/// A random repository: up to 12 modules, requirements only to earlier ones (no circle), some conflicts and
/// virtual names, up to three integer options each.
inline Repository random_repository(std::mt19937& random)
{
    const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    Repository result;
    const unsigned count = 1 + below(12);
    for (unsigned i = 0; i < count; ++i) {
        Module m = module("m" + std::to_string(i));
        for (unsigned k = 0; k < i; ++k) {
            if (below(4) == 0) {
                m.required.insert("m" + std::to_string(k));
            } else if (below(8) == 0) {
                m.conflicting.insert("m" + std::to_string(k));
            }
        }
        if (below(3) == 0) {
            m.provides["v" + std::to_string(below(3))] = "";
        }
        for (unsigned k = 0; k < below(4); ++k) {
            m.options["o" + std::to_string(k)] = integer(below(100));
        }
        EXPECT_TRUE(result.add(std::move(m)));
    }
    return result;
}

}  // namespace unikernel::test
