// SPDX-License-Identifier: Apache-2.0
// Random repositories and images for RapidCheck, as plain numbers so that it can shrink a counterexample to
// the few modules that matter.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include <rapidcheck.h>

#include "common/model/image.hh"
#include "common/model/module.hh"
#include "model_fixture.hh"

namespace unikernel::test
{

/// Module number i of a sketch; a number in `required` or `conflicting` stands for an earlier module, one in
/// `needs` and `provides` for a virtual name.
struct SketchedModule {
    std::vector<int> required, conflicting, needs, provides, options;
};

struct Sketch {
    std::vector<SketchedModule> modules;
    int versions = 1;  ///< this many modules in a row are versions of one name
    bool ranges = false;
    std::vector<int> chosen;  ///< to be installed, or wanted
    int one = 0;
};

inline Module module_of(const Sketch& sketch, int number)
{
    const auto name = [&](int each) { return "m" + std::to_string(each / sketch.versions); };
    const auto version = [&](int each) { return std::to_string(1 + each % sketch.versions) + ".0.0"; };
    const SketchedModule& from = sketch.modules[static_cast<std::size_t>(number)];
    Module m = module(name(number));
    m.version = version(number);
    const auto add = [&](const std::vector<int>& earlier, std::set<Dependency>& to) {
        for (const int each : earlier) {
            if (number == 0 || name(each % number) == m.name) {
                continue;
            }
            Dependency dependency(name(each % number));
            if (sketch.ranges && each % 3 != 0) {
                dependency.bounds.push_back({each % 3 == 1 ? VersionBound::Relation::greater_or_equal
                                                           : VersionBound::Relation::less_or_equal,
                                             version(each % number)});
            }
            to.insert(dependency);
        }
    };
    add(from.required, m.required);
    add(from.conflicting, m.conflicting);
    for (const int each : from.provides) {
        m.provides["v" + std::to_string(each % 3)] = "";
    }
    for (const int each : from.needs) {
        if (const auto needed = "v" + std::to_string(each % 3); !m.provides.contains(needed)) {
            m.required.insert(needed);  // manifests that require what they provide are refused
        }
    }
    for (const int each : from.options) {
        m.options["o" + std::to_string(each % 4)] = integer(each);
    }
    return m;
}

inline std::vector<Module> modules_of(const Sketch& sketch)
{
    std::vector<Module> list;
    for (int i = 0; i < static_cast<int>(sketch.modules.size()); ++i) {
        list.push_back(module_of(sketch, i));
    }
    return list;
}

inline ModulePtr pick(const Repository& repository, int number)
{
    const auto all = repository.all();
    return all[static_cast<std::size_t>(number) % all.size()];
}

/// An element of U: any modules in any order, installable or not, since equations 1 to 7 hold for all of U.
inline Image image_of(const Sketch& sketch, const Repository& repository)
{
    Image u;
    for (const int each : sketch.chosen) {
        u = Install(u, pick(repository, each));
    }
    return u;
}

inline void show(std::ostream& out, const char* what, const std::vector<int>& numbers)
{
    for (const int number : numbers) {
        out << " " << what << number;
    }
}

inline std::ostream& operator<<(std::ostream& out, const Sketch& sketch)
{
    for (const Module& m : modules_of(sketch)) {
        out << m.name << " " << m.version << ":";
        for (const Dependency& each : m.required) {
            out << " requires " << to_string(each) << ";";
        }
        for (const Dependency& each : m.conflicting) {
            out << " conflicts with " << to_string(each) << ";";
        }
        for (const auto& [name, version] : m.provides) {
            out << " provides " << name << ";";
        }
        out << " " << m.options.size() << " options\n";
    }
    show(out, "chosen ", sketch.chosen);
    return out << " one " << sketch.one << "\n";
}

/// Up to `most` modules.
inline rc::Gen<Sketch> sketches(int most, int versions = 1, bool virtual_names = false)
{
    // RapidCheck's ranges and lengths both grow with a "size"; here only the lengths shall.
    const auto below = [](int end) { return rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0, end)); };
    const auto few = [&](int length, int end) {
        return rc::gen::resize(length, rc::gen::container<std::vector<int>>(below(end)));
    };
    const auto a_module = rc::gen::build<SketchedModule>(
        rc::gen::set(&SketchedModule::required, few(3, 100)),
        rc::gen::set(&SketchedModule::conflicting, few(2, 100)),
        rc::gen::set(&SketchedModule::needs, virtual_names ? few(1, 3) : rc::gen::just(std::vector<int>{})),
        rc::gen::set(&SketchedModule::provides,
                     virtual_names ? few(2, 3) : rc::gen::just(std::vector<int>{})),
        rc::gen::set(&SketchedModule::options, few(3, 100)));
    return rc::gen::build<Sketch>(
        rc::gen::set(&Sketch::modules, rc::gen::nonEmpty(rc::gen::resize(
                                           most, rc::gen::container<std::vector<SketchedModule>>(a_module)))),
        rc::gen::set(&Sketch::versions, rc::gen::just(versions)),
        rc::gen::set(&Sketch::ranges, rc::gen::just(versions > 1)),
        rc::gen::set(&Sketch::chosen, few(most / 2, most)), rc::gen::set(&Sketch::one, below(most)));
}

}  // namespace unikernel::test
