// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <system_error>

#include "builder_service/builds/locations.hh"
#include "builder_service/cli/command.hh"
#include "builder_service/cli/local_repositories.hh"
#include "common/decode/document.hh"
#include "common/decode/lint.hh"
#include "common/decode/module.hh"

namespace unikernel::cli::lint_command
{

namespace fs = std::filesystem;
namespace po = boost::program_options;

namespace
{

constexpr std::string_view help =
    R"(Says what is wrong with a module's folder before a builder has to: its manifest, the files it names, the
modules it requires, and the hook points it implements. Other modules are looked up beside the folder, among those
of this installation, and in the repositories of ~/.config/unikernel/unikernel-builder.conf. Warnings alone do not
fail.

Examples:
  unikernel module lint my-modules/packet-filter
  unikernel module lint my-modules/*
)";

/// Neighbours that are broken themselves are left out; they have their own lint.
void add_modules(const fs::path& repository, const fs::path& except, Repository& into)
{
    std::error_code code;
    std::vector<fs::path> folders;
    for (const auto& entry : fs::directory_iterator(repository, code)) {
        if (!fs::equivalent(entry.path(), except, code)) {
            folders.push_back(entry.path());
        }
    }
    std::sort(folders.begin(), folders.end());
    for (const fs::path& folder : folders) {
        const auto manifest = decode_file(folder / "module.yaml");
        auto module = manifest ? decode_module(*manifest, folder.string()) : tl::unexpected(manifest.error());
        if (module) {
            (void)into.add(std::move(*module));  // the same module beside the folder and in the installation
        }
    }
}

/// Modules of other repositories; what cannot be had is left out, doctor tells about it.
std::vector<ModulePtr> modules_elsewhere(const Locations& places)
{
    const auto repositories = local_repositories(places);
    if (!repositories) {
        return {};
    }
    (*repositories)->refresh({}, false);
    const auto all = (*repositories)->modules();
    auto list = all ? all->all() : std::vector<ModulePtr>{};
    std::erase_if(list, [](const ModulePtr& module) { return module->repository == builtin_repository; });
    return list;
}

std::map<std::string, std::set<std::string>> core_points(const fs::path& platforms)
{
    std::map<std::string, std::set<std::string>> points;
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(platforms, code)) {
        const auto description = decode_file(entry.path() / "platform.yaml");
        if (!description || !description->is_object()) {
            continue;
        }
        auto& own = points[entry.path().filename().string()];
        const auto declared = description->value("points", nlohmann::json::object());
        for (const auto& [point, unused] : declared.items()) {
            own.insert(point);
        }
    }
    return points;
}

ExitCode run(const po::variables_map& values, Output& output)
{
    if (values.count("FOLDER") == 0) {
        throw UsageError("FOLDER is missing; usage: unikernel module lint FOLDER...");
    }
    const Locations places = default_locations();
    const auto points = core_points(places.platforms);
    const auto elsewhere = modules_elsewhere(places);
    auto document = nlohmann::json::array();
    std::size_t errors = 0;
    const auto folders = values["FOLDER"].as<std::vector<std::string>>();
    for (const std::string& folder : folders) {
        Repository others;
        add_modules(fs::absolute(fs::path(folder) / ".").parent_path().parent_path(), folder, others);
        add_modules(places.modules, folder, others);
        for (const ModulePtr& module : elsewhere) {
            (void)others.add(*module);
        }
        const auto findings = lint_module(folder, others, points);
        for (const Finding& finding : findings) {
            const std::string_view word = finding.error ? "error" : "warning";
            errors += finding.error ? 1 : 0;
            document.push_back({{"folder", folder}, {"verdict", word}, {"text", finding.text}});
            output.line(printable(std::string(word) + ": " + folder + "/" + finding.text));
        }
        if (findings.empty()) {
            output.line(printable(folder + ": nothing to change"));
        }
    }
    output.document(document);
    return errors == 0 ? success : rejected;
}

}  // namespace

const Command command{"module lint",
                      "FOLDER...",
                      "what is wrong with a module's folder",
                      help,
                      [] { return po::options_description(); },
                      {"FOLDER..."},
                      run};

}  // namespace unikernel::cli::lint_command
