// SPDX-License-Identifier: Apache-2.0
#include "builder_service/platforms/u0/build.hh"

#include <algorithm>
#include <system_error>

#include "builder_service/platforms/u0/image_file.hh"
#include "builder_service/platforms/u0/link.hh"
#include "builder_service/platforms/u0/module_record.hh"
#include "common/util/file.hh"

namespace unikernel::u0
{

namespace
{

namespace fs = std::filesystem;

constexpr std::uint64_t largest_image = 256ULL << 20;
constexpr std::uint64_t largest_script = 1ULL << 20;

const Installation& installation(const Module& module)
{
    return module.platforms.at("u0");
}

/// "u0::http_guard::accept" -> "_ZN2u010http_guard6acceptE": how its symbol begins (Itanium C++ ABI, 5.1).
std::string mangled_prefix(const std::string& function)
{
    std::string text = "_ZN";
    for (std::size_t begin = 0; begin <= function.size();) {
        const std::size_t end = std::min(function.find("::", begin), function.size());
        text += std::to_string(end - begin) + function.substr(begin, end - begin);
        begin = end + 2;
    }
    return text + "E";
}

/// Function -> the point for which it is written.
std::map<std::string, std::string> functions_of(const Installation& parts)
{
    std::map<std::string, std::string> map;
    for (const auto* hooks : {&parts.hooks, &parts.optional_hooks}) {
        for (const auto& [point, functions] : *hooks) {
            for (const std::string& function : functions) {
                map[function] = point;
            }
        }
    }
    return map;
}

bool in_chain(const Chains& chains, const std::string& point, const std::string& function)
{
    const auto chain = chains.find(point);
    return chain != chains.end() &&
           std::find(chain->second.begin(), chain->second.end(), function) != chain->second.end();
}

/// `sorted` holds a name that begins with `prefix`.
bool has_prefix(const std::vector<std::string>& sorted, const std::string& prefix)
{
    const auto found = std::lower_bound(sorted.begin(), sorted.end(), prefix);
    return found != sorted.end() && found->starts_with(prefix);
}

Result<void> make_folder(const fs::path& path)
{
    std::error_code error;
    fs::create_directories(path, error);
    return error ? Result<void>(tl::unexpected(system_failure(path.string(), error.value())))
                 : Result<void>{};
}

}  // namespace

Build::Build(fs::path folder, PlatformInputs inputs)
    : folder_(std::move(folder)), inputs_(std::move(inputs)), cache_(inputs_.cache / "objects"),
      budget_(inputs_.limits.output)
{
}

bool Build::has_c_library() const
{
    const auto& installed = inputs_.image.installed();
    return std::any_of(installed.begin(), installed.end(),
                       [](const ModulePtr& module) { return !installation(*module).personality.empty(); });
}

JobContext Build::context() const
{
    return {inputs_, core_, toolchain_, folder_, inputs_.work / "generated"};
}

Result<void> Build::generate()
{
    Result<Description> core = load_description(folder_);
    Result<Toolchain> toolchain = find_toolchain();
    if (!core || !toolchain) {
        return tl::unexpected(core ? toolchain.error() : core.error());
    }
    core_ = std::move(*core);
    toolchain_ = std::move(*toolchain);
    if (has_c_library() != inputs_.spec.application.has_value()) {
        return fail(
            FailureKind::unresolvable,
            inputs_.spec.application
                ? "spec.application: no installed module can run a program; the module posix does"
                : "spec: a module that runs programs (posix) is installed, but there is no spec.application");
    }
    Result<Chains> chains = u0::chains(core_, inputs_.image);
    if (!chains) {
        return tl::unexpected(chains.error());
    }
    chains_ = std::move(*chains);
    headers_[""] = {{"standard.hh", standard_headers(core_)}};
    headers_["core"] = {{"hooks.gen.hh", hooks_header(core_.points, chains_)},
                        {"image.gen.hh", image_header(inputs_.spec.name)}};
    for (const ModulePtr& module : inputs_.image.installed()) {
        auto& files = headers_[module->name];
        files["module.gen.hh"] = module_header(*module);
        files["config.gen.hh"] = config_header(*module, inputs_.image.values(module->name));
        files["hooks.gen.hh"] = hooks_header(installation(*module).points, chains_);
        if (!installation(*module).personality.empty()) {
            Result<std::string> calls = syscalls_header(inputs_.image);
            if (!calls) {
                return tl::unexpected(calls.error());
            }
            files["syscalls.gen.hh"] = std::move(*calls);
        }
    }
    return write_headers();
}

Result<void> Build::write_headers() const
{
    for (const auto& [owner, files] : headers_) {
        const fs::path folder = inputs_.work / "generated" / owner;
        Result<void> done = make_folder(folder);
        for (const auto& [name, text] : files) {
            done = done ? write_file(folder / name, text) : done;
        }
        if (!done) {
            return done;
        }
    }
    return {};
}

Result<void> Build::compile(std::stop_token stop)
{
    const JobContext jobs_context = context();
    Result<std::vector<CompileJob>> jobs = closed_jobs(jobs_context);
    Result<std::vector<CompileJob>> application = jobs ? application_jobs(jobs_context) : jobs;
    if (!application) {
        return tl::unexpected(application.error());
    }
    const std::size_t closed = jobs->size();
    jobs->insert(jobs->end(), application->begin(), application->end());
    const Result<CompiledObjects> objects =
        unikernel::compile(*jobs, precompiled_header(jobs_context), cache_, inputs_.work / "objects", budget_,
                           inputs_.log, stop);
    if (!objects) {
        return tl::unexpected(objects.error());
    }
    cache_.tidy();
    compiled_ = objects->compiled;
    cached_ = objects->cached;
    for (std::size_t i = 0; i < jobs->size(); ++i) {
        if (i < closed) {
            closed_.push_back(objects->paths[i]);
        } else {
            application_.emplace_back((*jobs)[i].name, objects->paths[i]);
        }
    }
    return {};
}

Result<void> Build::link(std::stop_token stop)
{
    std::vector<std::string> exports;
    for (const ModulePtr& module : inputs_.image.installed()) {
        const auto& own = installation(*module).exports;
        exports.insert(exports.end(), own.begin(), own.end());
    }
    const fs::path output = inputs_.work / "linked";
    Result<void> made = make_folder(output);
    made = made ? make_output(output / "image", inputs_.limits.user) : made;
    if (!made) {
        return made;
    }
    // A copy, which a tool that runs as another user can read.
    const Result<std::string> script = read_file(folder_ / core_.link.script, largest_script);
    made = script ? write_file(inputs_.work / "link.ld", *script) : tl::unexpected(script.error());
    if (!made) {
        return made;
    }
    const Result<fs::path> libos =
        link_closed(core_, toolchain_, closed_, exports, cache_, inputs_.work, budget_, stop);
    if (!libos) {
        return tl::unexpected(libos.error());
    }
    const FinalLink inputs{inputs_.work / "link.ld", *libos, application_, has_c_library()};
    SandboxLimits limits = inputs_.limits;
    const Result<std::string> printed = run_tool(
        final_link(core_, toolchain_, inputs, output / "image", limits), "linking the image", budget_, stop);
    if (!printed) {
        Failure failure = printed.error();
        if (failure.kind == FailureKind::invalid) {
            failure.message = "the application does not link:\n" + linker_message(failure.message);
        }
        return tl::unexpected(std::move(failure));
    }
    return {};
}

Result<void> Build::check_modules(const std::string& linked) const
{
    Result<std::vector<std::string>> names = symbols(linked);
    if (!names) {
        return tl::unexpected(names.error());
    }
    std::sort(names->begin(), names->end());
    for (const ModulePtr& module : inputs_.repository.all()) {
        const std::string& name = module->name;
        const auto parts = module->platforms.find("u0");
        if (parts == module->platforms.end()) {
            continue;
        }
        const ModulePtr in_image = inputs_.image.installed(name);
        if (in_image && in_image != module) {
            continue;  // another version or origin of it has the same functions
        }
        for (const auto& [function, point] : functions_of(parts->second)) {
            const bool wanted = in_image != nullptr && in_chain(chains_, point, function);
            if (has_prefix(*names, mangled_prefix(function)) != wanted) {
                return fail(FailureKind::invalid, "module " + name + " is " + (in_image ? "" : "not ") +
                                                      "installed, but " + function + " is " +
                                                      (wanted ? "not " : "") + "in the image");
            }
        }
    }
    return {};
}

std::uint64_t Build::minimum_memory_mib(std::uint64_t image_end) const
{
    std::uint64_t kib = image_end / 1024 + core_.memory_kib;
    for (const ModulePtr& module : inputs_.image.installed()) {
        kib += module->memory_kib;
    }
    if (inputs_.spec.application) {
        kib += inputs_.spec.application->memory_mib * 1024;
    }
    return (kib + 1023) / 1024;
}

Result<void> Build::verify()
{
    // The sandboxed linker wrote it: only a regular file of sane size is taken.
    const Result<std::string> linked = read_file(inputs_.work / "linked" / "image", largest_image);
    if (!linked) {
        return fail(FailureKind::invalid, "the linker left no image: " + linked.error().message);
    }
    if (Result<void> modules = check_modules(*linked); !modules) {
        return modules;
    }
    const Result<std::uint64_t> end = memory_end(*linked);
    if (!end) {
        return tl::unexpected(end.error());
    }
    Result<nlohmann::json> modules =
        proven_modules(inputs_.image, inputs_.description.at("modules"), *linked);
    if (!modules) {
        return tl::unexpected(modules.error());
    }
    inputs_.description["modules"] = std::move(*modules);
    inputs_.description["minimum_memory_mib"] = minimum_memory_mib(*end);
    inputs_.description["toolchain"] = toolchain_.text();
    inputs_.description["architecture"] = "x86_64";
    inputs_.description["boot"] = {"multiboot1", "pvh"};
    inputs_.description["command_line"] = "u0";
    Result<std::string> image = finish_image(*linked, inputs_.description);
    if (!image) {
        return tl::unexpected(image.error());
    }
    Result<nlohmann::json> read_back = check_image(*image);
    if (!read_back) {
        return tl::unexpected(read_back.error());
    }
    if (*read_back != inputs_.description) {
        return fail(FailureKind::invalid, "the image describes itself otherwise than it was planned");
    }
    inputs_.description = std::move(*read_back);
    return write_file_atomically(image_file(), *image);
}

}  // namespace unikernel::u0
