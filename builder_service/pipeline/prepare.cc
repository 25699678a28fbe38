// SPDX-License-Identifier: Apache-2.0
#include "builder_service/pipeline/prepare.hh"

#include <set>

#include "builder_service/pipeline/plan.hh"
#include "builder_service/pipeline/preview.hh"
#include "builder_service/sandbox/bundle.hh"
#include "common/util/file.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel
{

namespace
{

namespace fs = std::filesystem;
using nlohmann::json;

/// Nobody watches these builds.
class Unheard : public BuildObserver
{
    void phase(Phase, std::string_view) override {}
    void log(std::string_view) override {}
    void warning(std::string_view) override {}
};

/// What a specification says of a module of which nothing is wanted but that it is there.
json usual_options(const Module& module)
{
    json options = json::object();
    for (const auto& [name, option] : module.options) {
        if (!option.initial && option.maximum) {
            options[name] = *option.maximum;
        }
    }
    return options;
}

/// A kind of images.
struct Kind {
    std::string what;  ///< for people
    json spec;
};

json application_with(const std::string& platform, json modules)
{
    return {{"name", "prepared"},
            {"platform", platform},
            {"application", {{"sources", {"nothing.c"}}, {"language", "c17"}}},
            {"modules", std::move(modules)}};
}

/// The names of the modules that an image of that specification has. Errors: as of a build.
Result<std::set<std::string>> resolved(const PipelineSettings& settings, const json& spec)
{
    return preview(settings, {.spec = spec, .requirements = {}, .bundle = {}}).map([](const Preview& found) {
        std::set<std::string> names;
        for (const json& module : found.description.at("modules")) {
            names.insert(module.at("name").get<std::string>());
        }
        return names;
    });
}

std::vector<Kind> kinds_of_images(const PipelineSettings& settings, const std::string& platform,
                                  const Repository& repository, const Say& say)
{
    std::vector<Kind> kinds{
        {"no application", {{"name", "prepared"}, {"platform", platform}, {"modules", json::object()}}}};
    json all = json::object();
    std::vector<ModulePtr> security;
    for (const std::string& name : repository.names()) {
        const ModulePtr module = repository.find(name);
        if (!module || !module->platforms.contains(platform)) {
            continue;
        }
        const json spec = application_with(platform, {{name, usual_options(*module)}});
        if (const auto possible = resolved(settings, spec); !possible) {
            say(platform + ", " + name + ": left out; " + possible.error().message);
            continue;
        }
        kinds.push_back({"application with " + name, spec});
        if (module->kind == Module::Kind::security) {
            security.push_back(module);
            continue;
        }
        json more = all;
        more[name] = usual_options(*module);
        if (resolved(settings, application_with(platform, more))) {
            all = std::move(more);
        }
    }
    std::vector<std::pair<std::string, json>> wide{{"all that is not for security", all}};
    for (const auto& [name, options] : all.items()) {
        json fewer = all;
        fewer.erase(name);
        const auto names = resolved(settings, application_with(platform, fewer));
        if (names && !names->contains(name)) {  // else others need it
            wide.emplace_back("all but " + name, std::move(fewer));
        }
    }
    for (const auto& [what, modules] : wide) {
        kinds.push_back({"application with " + what, application_with(platform, modules)});
        for (const ModulePtr& module : security) {
            json more = modules;
            more[module->name] = usual_options(*module);
            kinds.push_back(
                {"application with " + what + ", and " + module->name, application_with(platform, more)});
        }
    }
    return kinds;
}

/// The bundle of an application that does nothing, in `folder`.
Result<fs::path> empty_bundle(const fs::path& folder)
{
    std::error_code error;
    fs::create_directory(folder / "nothing", error);
    Result<void> written = write_file(folder / "nothing/nothing.c", "int main(void)\n{\n    return 0;\n}\n");
    const Result<std::string> tar =
        written ? pack_bundle(folder / "nothing") : tl::unexpected(written.error());
    written = tar ? write_file(folder / "nothing.tar", *tar) : tl::unexpected(tar.error());
    return written ? Result<fs::path>(folder / "nothing.tar") : tl::unexpected(written.error());
}

}  // namespace

Result<Prepared> prepare(const PipelineSettings& settings, const Say& say)
{
    const Result<Repository> repository = repository_of(settings);
    const auto folder = TemporaryDirectory::create("unikernel-prepare");
    const Result<fs::path> bundle = folder ? empty_bundle(folder->path()) : tl::unexpected(folder.error());
    if (!repository || !bundle) {
        return tl::unexpected(repository ? bundle.error() : repository.error());
    }
    Prepared prepared;
    for (const auto& platform : make_platforms(settings.platforms, settings.cache)) {
        for (const Kind& kind : kinds_of_images(settings, platform->name(), *repository, say)) {
            const auto work = TemporaryDirectory::create("work", folder->path());
            if (!work) {
                return tl::unexpected(work.error());
            }
            const BuildRequest request{.spec = kind.spec, .requirements = {}, .bundle = *bundle};
            Unheard nobody;
            const BuildOutcome outcome = compile_only(settings, request, work->path(), nobody);
            const std::string what = platform->name() + ", " + kind.what + ": ";
            if (outcome.state != BuildState::succeeded) {
                return fail(outcome.state == BuildState::disk_full ? FailureKind::no_space
                                                                   : FailureKind::unavailable,
                            what + outcome.error);
            }
            prepared.compiled += outcome.objects_compiled;
            ++prepared.kinds;
            say(what + std::to_string(outcome.objects_compiled) + " objects compiled, " +
                std::to_string(outcome.objects_cached) + " were there");
        }
    }
    return prepared;
}

}  // namespace unikernel
