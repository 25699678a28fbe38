// SPDX-License-Identifier: Apache-2.0
#include "builder_service/platforms/u0/jobs.hh"

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "builder_service/platforms/tool.hh"

namespace unikernel::u0
{

namespace
{

namespace fs = std::filesystem;

using Folder = HeaderFolder;

const Installation& installation(const Module& module)
{
    return module.platforms.at("u0");
}

/// Digests of the names of all files in folders, each listed once per build.
class FileNames
{
public:
    Result<Digest> of(const fs::path& folder)
    {
        if (const auto known = known_.find(folder); known != known_.end()) {
            return known->second;
        }
        std::error_code error;
        std::set<std::string> names;
        for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
             it.increment(error)) {
            names.insert(it->path().lexically_relative(folder).string());
        }
        if (error) {
            return fail(FailureKind::internal, folder.string() + ": " + error.message());
        }
        Sha256 sha;
        for (const std::string& name : names) {
            sha.field(name);
        }
        return known_[folder] = sha.finish();
    }

private:
    std::map<fs::path, Digest> known_;
};

/// Where the compilers of our sources find the precompiled header: without the suffix .gch, which is GCC's.
fs::path header_file(const JobContext& context)
{
    return context.generated / "standard.hh";
}

bool is_cxx(const std::string& source)
{
    return !source.ends_with(".c") && !source.ends_with(".S");
}

/// How a source is compiled that is ours, or at least no tenant's.
std::vector<std::string> trusted_flags(const Description& description, const std::string& source, bool ours)
{
    const auto& compile = description.compile;
    std::vector<std::string> list = compile.common;
    const auto& language = is_cxx(source)           ? compile.cxx
                           : source.ends_with(".c") ? compile.c
                                                    : compile.assembly;
    const auto& warnings = ours ? compile.own : compile.third_party;
    list.insert(list.end(), language.begin(), language.end());
    list.insert(list.end(), warnings.begin(), warnings.end());
    return list;
}

auto trusted(std::string program, std::vector<std::string> arguments, const JobContext& context)
{
    return [program = std::move(program), arguments = std::move(arguments),
            limit = context.inputs.limits.time](const fs::path& folder) {
        ProcessSpecification tool;
        tool.program = program;
        tool.arguments = arguments;
        tool.environment = {{"PATH", "/usr/bin:/bin"},
                            {"LC_ALL", "C.UTF-8"},
                            {"SOURCE_DATE_EPOCH", "0"},
                            {"TMPDIR", folder.string()}};
        tool.working_directory = folder;
        tool.time_limit = limit;
        return tool;
    };
}

/// Builds the jobs of one image.
class JobMaker
{
public:
    explicit JobMaker(const JobContext& context) : context_(context) {}

    Result<std::vector<CompileJob>> closed()
    {
        if (Result<void> done = core(); !done) {
            return tl::unexpected(done.error());
        }
        for (const ModulePtr& module : context_.inputs.image.installed()) {
            if (Result<void> done = this->module(*module); !done) {
                return tl::unexpected(done.error());
            }
        }
        return std::move(jobs_);
    }

    Result<std::vector<CompileJob>> application()
    {
        if (context_.inputs.spec.application) {
            for (const std::string& source : context_.inputs.spec.application->sources) {
                jobs_.push_back(tenant_job(source));
            }
        }
        for (const ModulePtr& module : context_.inputs.image.installed()) {
            const Result<std::vector<Folder>> include = module_include(*module);
            if (!include) {
                return tl::unexpected(include.error());
            }
            for (const std::string& source : installation(*module).application_sources) {
                if (Result<void> done = add({module->folder, "modules/" + module->name}, source,
                                            hosted_flags(source), *include);
                    !done) {
                    return tl::unexpected(done.error());
                }
            }
        }
        return std::move(jobs_);
    }

private:
    /// As an application is compiled, but ours, hence with warnings.
    static std::vector<std::string> hosted_flags(const std::string& source)
    {
        std::vector<std::string> list{
            "-O2",   "-fno-pie", "-fno-pic", "-ffunction-sections", "-fdata-sections", "-fno-ident",
            "-Wall", "-Wextra",  "-Werror"};
        list.emplace_back(is_cxx(source) ? "-std=c++20" : "-std=gnu17");
        return list;
    }

    std::vector<Folder> platform_include() const
    {
        std::vector<Folder> list;
        for (const std::string& folder : context_.description.include) {
            list.push_back({context_.folder / folder, "u0/" + folder});
        }
        return list;
    }

    Result<Folder> third_party(const ThirdParty& part) const
    {
        const auto version = context_.description.third_party.find(part.source);
        if (version == context_.description.third_party.end()) {
            return fail(FailureKind::internal, part.source + " is not in platforms/u0/sources.yaml");
        }
        const std::string name = part.source + "-" + version->second;
        fs::path path = context_.inputs.cache / "sources" / name;
        if (!fs::is_directory(path)) {
            return fail(FailureKind::unavailable, part.source + " " + version->second +
                                                      " is not in the source cache " +
                                                      path.parent_path().string() + ": run " +
                                                      fetch_sources_command(path.parent_path()));
        }
        return Folder{std::move(path), "sources/" + name};
    }

    /// What a module shows to those who require it.
    Result<void> add_public_include(const Module& module, std::vector<Folder>& list) const
    {
        if (fs::path include = module.folder / "include"; fs::is_directory(include)) {
            list.push_back({std::move(include), "modules/" + module.name + "/include"});
        }
        for (const ThirdParty& part : installation(module).third_party) {
            const Result<Folder> root = third_party(part);
            if (!root) {
                return tl::unexpected(root.error());
            }
            for (const std::string& folder : part.include) {
                list.push_back({root->path / folder, root->name + "/" + folder});
            }
        }
        return {};
    }

    /// Whether it declares a point that `module` implements where there is one.
    static bool hooked_optionally(const Module& module, const Module& other)
    {
        const auto& hooks = installation(module).optional_hooks;
        const auto& points = installation(other).points;
        return std::any_of(hooks.begin(), hooks.end(),
                           [&](const auto& hook) { return points.contains(hook.first); });
    }

    /// All that is required or optionally hooked into, directly or not, nearest first.
    std::vector<ModulePtr> closure(const Module& module) const
    {
        std::vector<ModulePtr> list;
        std::set<std::string> seen{module.name};
        std::deque<const Module*> queue{&module};
        while (!queue.empty()) {
            const Module* next = queue.front();
            queue.pop_front();
            for (const ModulePtr& other : context_.inputs.image.installed()) {
                if (hooked_optionally(*next, *other) && seen.insert(other->name).second) {
                    list.push_back(other);
                    queue.push_back(other.get());
                }
            }
            for (const Dependency& needed : next->required) {
                for (const ModulePtr& other : context_.inputs.image.installed()) {
                    if (other->satisfies(needed) && seen.insert(other->name).second) {
                        list.push_back(other);
                        queue.push_back(other.get());
                    }
                }
            }
        }
        return list;
    }

    Result<std::vector<Folder>> module_include(const Module& module) const
    {
        std::vector<Folder> list = platform_include();
        list.push_back({module.folder, "modules/" + module.name});
        list.push_back({context_.generated / module.name, "generated/" + module.name});
        Result<void> done = add_public_include(module, list);
        for (const ModulePtr& other : closure(module)) {
            done = done ? add_public_include(*other, list) : done;
        }
        if (!done) {
            return tl::unexpected(done.error());
        }
        return list;
    }

    Result<void> core()
    {
        std::vector<Folder> include = platform_include();
        include.push_back({context_.folder / "core", "u0/core"});
        include.push_back({context_.generated / "core", "generated/core"});
        for (const std::string& source : context_.description.sources) {
            if (Result<void> done = add_own({context_.folder, "u0"}, source,
                                            trusted_flags(context_.description, source, true), include);
                !done) {
                return done;
            }
        }
        return {};
    }

    Result<void> module(const Module& module)
    {
        const Installation& parts = installation(module);
        const Result<std::vector<Folder>> include = module_include(module);
        if (!include) {
            return tl::unexpected(include.error());
        }
        for (const std::string& source : parts.sources) {
            std::vector<std::string> arguments = trusted_flags(context_.description, source, true);
            arguments.insert(arguments.end(), {"-include", "module.gen.hh"});
            if (Result<void> done = add_own({module.folder, "modules/" + module.name}, source,
                                            std::move(arguments), *include);
                !done) {
                return done;
            }
        }
        for (const ThirdParty& part : parts.third_party) {
            const Result<Folder> root = third_party(part);
            for (const std::string& source : part.sources) {
                std::vector<std::string> arguments = trusted_flags(context_.description, source, false);
                for (const std::string& define : part.defines) {
                    arguments.push_back("-D" + define);
                }
                Result<void> done = add(*root, source, std::move(arguments), *include);
                if (!done) {
                    return done;
                }
            }
        }
        return {};
    }

    /// A source of ours that runs below the system calls: with the precompiled header, if its language is
    /// C++.
    Result<void> add_own(const Folder& root, const std::string& source, std::vector<std::string> arguments,
                         const std::vector<Folder>& include)
    {
        return add(root, source, std::move(arguments), include, is_cxx(source));
    }

    /// A job for `root`/`source`.
    Result<void> add(const Folder& root, const std::string& source, std::vector<std::string> arguments,
                     const std::vector<Folder>& include, bool precompiled = false)
    {
        Sha256 key;
        key.field("u0 object 2").update(context_.toolchain.identity).field(root.name).field(source);
        for (const std::string& argument : arguments) {
            key.field(argument);
        }
        const Result<Digest> text = sha256_file(root.path / source);
        if (!text) {
            return fail(FailureKind::internal,
                        root.name + "/" + source + " is named by a manifest, but is not there");
        }
        key.update(*text);
        for (const Folder& folder : include) {
            const Result<Digest> names = names_.of(folder.path);
            if (!names) {
                return tl::unexpected(names.error());
            }
            key.field(folder.name).update(*names);
        }
        for (const Folder& folder : include) {
            arguments.push_back("-I" + folder.path.string());
            arguments.push_back("-ffile-prefix-map=" + folder.path.string() + "=" + folder.name);
        }
        if (precompiled) {
            for (const std::string& header : context_.description.compile.precompiled) {
                key.field(header);
            }
            // Before any other -include: it is a precompiled one only in front of everything.
            arguments.insert(arguments.begin(), {"-include", header_file(context_).string()});
        }
        arguments.push_back("-ffile-prefix-map=" + root.path.string() + "=" + root.name);
        arguments.push_back("-frandom-seed=" + source);
        arguments.insert(arguments.end(),
                         {"-MMD", "-MF", "object.d", "-c", (root.path / source).string(), "-o", "object.o"});
        std::vector<Folder> headers = include;
        headers.push_back(root);
        if (precompiled) {
            headers.push_back(
                {context_.generated, "generated"});  // read as it is if its compiled form is refused
        }
        const std::string program = is_cxx(source) ? "g++" : "gcc";
        jobs_.push_back({.name = root.name + "/" + source,
                         .key = key.finish(),
                         .headers = std::move(headers),
                         .tool = trusted(program, std::move(arguments), context_),
                         .precompiled = precompiled});
        return {};
    }

    std::vector<std::string> tenant_arguments(const std::string& source) const
    {
        const Application& application = *context_.inputs.spec.application;
        const bool c_language = !application.language.starts_with("c++");
        std::vector<std::string> list{"-O" + std::to_string(application.optimize),
                                      "-fno-pie",
                                      "-fno-pic",
                                      "-ffunction-sections",
                                      "-fdata-sections",
                                      "-fno-ident",
                                      "-fstack-protector-strong",
                                      "-fdiagnostics-color=never"};
        // The language is that of the sources it fits; a C file in a C++ application keeps the compiler's
        // default.
        if (is_cxx(source) != c_language) {
            list.push_back("-std=" + application.language);
        }
        for (const std::string& definition : application.definitions) {
            list.push_back("-D" + definition);
        }
        for (const std::string& folder : application.include) {
            list.push_back("-I" + folder);
        }
        list.push_back("-frandom-seed=" + source);
        list.insert(list.end(), {"-c", source, "-o", "/build/out/object.o"});
        return list;
    }

    CompileJob tenant_job(const std::string& source) const
    {
        const std::vector<std::string> arguments = tenant_arguments(source);
        Sha256 key;
        key.field("application object 1")
            .update(context_.toolchain.identity)
            .field(context_.inputs.bundle_digest);
        for (const std::string& argument : arguments) {
            key.field(argument);
        }
        return {source,
                key.finish(),
                {},
                true,
                [&inputs = context_.inputs, arguments,
                 program = is_cxx(source) ? "g++" : "gcc"](const fs::path& folder) {
                    SandboxedTool tool;
                    tool.program = std::string("/usr/bin/") + program;
                    tool.arguments = arguments;
                    tool.working_directory = "/build/src";
                    tool.read_only[inputs.source] = "/build/src";
                    tool.writable[folder / "object.o"] = "/build/out/object.o";
                    return sandboxed(tool, inputs.limits);
                },
                context_.inputs.limits.user};
    }

    const JobContext& context_;
    FileNames names_;
    std::vector<CompileJob> jobs_;
};

}  // namespace

PrecompiledHeader precompiled_header(const JobContext& context)
{
    const fs::path file = header_file(context);
    std::vector<std::string> arguments = trusted_flags(context.description, file.filename().string(), true);
    Sha256 key;
    key.field("u0 precompiled header 1").update(context.toolchain.identity);
    for (const auto* list : {&std::as_const(arguments), &context.description.compile.precompiled}) {
        key.field(std::to_string(list->size()));
        for (const std::string& word : *list) {
            key.field(word);
        }
    }
    arguments.insert(arguments.end(), {"-x", "c++-header", file.string(), "-o", "object.o"});
    return {.job = {.name = "standard headers",
                    .key = key.finish(),
                    .headers = {},
                    .tool = trusted("g++", std::move(arguments), context)},
            .place = file.string() + ".gch"};
}

Result<std::vector<CompileJob>> closed_jobs(const JobContext& context)
{
    return JobMaker(context).closed();
}

Result<std::vector<CompileJob>> application_jobs(const JobContext& context)
{
    return JobMaker(context).application();
}

}  // namespace unikernel::u0
