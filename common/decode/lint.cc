// SPDX-License-Identifier: Apache-2.0
#include "common/decode/lint.hh"

#include <algorithm>
#include <system_error>

#include "common/decode/document.hh"
#include "common/decode/module.hh"
#include "common/util/nearest.hh"

namespace unikernel
{

namespace
{

namespace fs = std::filesystem;

class Lint
{
public:
    Lint(const fs::path& folder, const Repository& others,
         const std::map<std::string, std::set<std::string>>& core_points)
        : folder_(folder), others_(others), core_points_(core_points)
    {
    }

    std::vector<Finding> run()
    {
        const Result<nlohmann::json> manifest = decode_file(folder_ / "module.yaml");
        Result<Module> module =
            manifest ? decode_module(*manifest, "module.yaml") : tl::unexpected(manifest.error());
        if (!module) {
            error(module.error().message);
            return std::move(findings_);
        }
        check_name(*module);
        check_options(module->options, "module.yaml.options");
        for (const Dependency& needed : module->required) {
            check_required(needed);
        }
        for (const auto& [platform, installation] : module->platforms) {
            const std::string where = "module.yaml.platforms." + platform;
            check_files(installation.sources, where + ".sources");
            check_files(installation.application_sources, where + ".application_sources");
            check_hooks(installation, platform, where);
        }
        return std::move(findings_);
    }

private:
    void error(std::string text) { findings_.push_back({true, std::move(text)}); }
    void warning(std::string text) { findings_.push_back({false, std::move(text)}); }

    void check_name(const Module& module)
    {
        const std::string folder = fs::absolute(folder_ / ".").parent_path().filename();
        if (module.name != folder) {
            error("module.yaml.name: " + module.name + " is not the folder's name, " + folder);
        }
        if (module.platforms.empty()) {
            warning("module.yaml.platforms: no platform can install it");
        }
    }

    void check_options(const std::map<std::string, Option>& options, const std::string& where)
    {
        for (const auto& [name, option] : options) {
            if (option.help.empty()) {
                warning(where + "." + name + ": has no help, which `unikernel module show` prints");
            }
        }
    }

    void check_required(const Dependency& needed)
    {
        std::vector<std::string> names;
        for (const ModulePtr& other : others_.all()) {
            if (other->satisfies(needed)) {
                return;
            }
            names.push_back(other->name);
            for (const auto& [provided, version] : other->provides) {
                names.push_back(provided);
            }
            if (other->name == needed.name) {
                error("module.yaml.requires: " + to_string(needed) + ": there is only version " +
                      other->version);
                return;
            }
        }
        error("module.yaml.requires: no module is named " + needed.name + " or provides it" +
              did_you_mean(needed.name, names));
    }

    void check_files(const std::vector<std::string>& paths, const std::string& where)
    {
        for (const std::string& path : paths) {
            std::error_code code;
            if (!fs::is_regular_file(folder_ / path, code)) {
                error(where + ": there is no file " + path);
            }
        }
    }

    /// A point is the core's, or declared by this module or another one.
    void check_hooks(const Installation& installation, const std::string& platform, const std::string& where)
    {
        std::set<std::string> points;
        if (const auto core = core_points_.find(platform); core != core_points_.end()) {
            points = core->second;
        } else {
            return;  // a platform of somebody else
        }
        const auto add = [&](const Installation& from) {
            for (const auto& [point, unused] : from.points) {
                points.insert(point);
            }
        };
        add(installation);
        for (const ModulePtr& other : others_.all()) {
            if (const auto there = other->platforms.find(platform); there != other->platforms.end()) {
                add(there->second);
            }
        }
        const auto check = [&](const auto& hooks, const std::string& key) {
            for (const auto& [point, functions] : hooks) {
                if (!points.contains(point)) {
                    error(where + key + "." + point + ": nobody declares this point" +
                          did_you_mean(point, {points.begin(), points.end()}));
                }
            }
        };
        check(installation.hooks, ".hooks");
        check(installation.optional_hooks, ".optional_hooks");
    }

    const fs::path& folder_;
    const Repository& others_;
    const std::map<std::string, std::set<std::string>>& core_points_;
    std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> lint_module(const fs::path& folder, const Repository& others,
                                 const std::map<std::string, std::set<std::string>>& core_points)
{
    return Lint(folder, others, core_points).run();
}

}  // namespace unikernel
