// SPDX-License-Identifier: Apache-2.0
#include "builder_service/platforms/u0/toolchain.hh"

#include <mutex>
#include <optional>
#include <set>

#include "common/util/process.hh"

namespace unikernel::u0
{

namespace
{

namespace fs = std::filesystem;

Result<std::string> output_of(const char* program, const char* argument, const char* package)
{
    ProcessSpecification tool;
    tool.program = program;
    tool.arguments = {argument};
    tool.environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C.UTF-8"}};
    tool.time_limit = std::chrono::seconds(20);
    const Result<ProcessResult> result = run(tool);
    if (!result || !result->ok()) {
        return fail(FailureKind::unavailable,
                    std::string(program) + " does not run: apt-get install " + package);
    }
    return result->out;
}

std::string first_line(const std::string& text)
{
    return text.substr(0, text.find('\n'));
}

/// "libraries: =/usr/lib/gcc/x86_64-linux-gnu/12/:..." of -print-search-dirs.
std::vector<fs::path> library_folders(const std::string& search)
{
    std::vector<fs::path> folders;
    std::set<fs::path> seen;
    std::size_t begin = search.find("libraries: =");
    if (begin == std::string::npos) {
        return folders;
    }
    begin += 12;
    const std::size_t stop = std::min(search.find('\n', begin), search.size());
    while (begin < stop) {
        const std::size_t end = std::min(search.find(':', begin), stop);
        std::error_code error;
        fs::path folder = fs::canonical(search.substr(begin, end - begin), error);
        if (!error && seen.insert(folder).second) {
            folders.push_back(std::move(folder));
        }
        begin = end + 1;
    }
    return folders;
}

Result<Toolchain> probe()
{
    const Result<std::string> compiler = output_of("g++", "--version", "g++");
    const Result<std::string> search = compiler ? output_of("g++", "-print-search-dirs", "g++") : compiler;
    const Result<std::string> linker = search ? output_of("ld", "--version", "binutils") : search;
    if (!linker) {
        return tl::unexpected(linker.error());
    }
    Toolchain toolchain;
    toolchain.compiler = first_line(*compiler);
    toolchain.linker = first_line(*linker);
    toolchain.library_folders = library_folders(*search);
    Sha256 identity;
    identity.field(toolchain.compiler).field(toolchain.linker);
    for (const char* name : {"crt1.o", "crti.o", "crtbeginT.o", "crtend.o", "crtn.o", "libc.a", "libm.a",
                             "libgcc.a", "libgcc_eh.a", "libstdc++.a"}) {
        for (const fs::path& folder : toolchain.library_folders) {
            if (fs::exists(folder / name)) {
                toolchain.files[name] = folder / name;
                break;
            }
        }
        const auto found = toolchain.files.find(name);
        const Result<Digest> content =
            found == toolchain.files.end() ? fail(FailureKind::not_found, "") : sha256_file(found->second);
        if (!content) {
            return fail(FailureKind::unavailable,
                        std::string(name) + " is not installed: apt-get install libc6-dev libstdc++-12-dev");
        }
        identity.field(name).update(*content);
    }
    toolchain.identity = identity.finish();
    return toolchain;
}

}  // namespace

std::string stamp(const Toolchain& toolchain)
{
    std::string text;
    const auto add = [&](const fs::path& file) {
        std::error_code absent;
        text += file.native() + " " + std::to_string(fs::file_size(file, absent)) + " " +
                std::to_string(fs::last_write_time(file, absent).time_since_epoch().count()) + "\n";
    };
    for (const char* program : {"/usr/bin/gcc", "/usr/bin/g++", "/usr/bin/ld"}) {
        add(program);
    }
    for (const auto& [name, file] : toolchain.files) {
        add(file);
    }
    return text;
}

Result<Toolchain> find_toolchain()
{
    static std::mutex mutex;
    static std::optional<Toolchain> known;
    static std::string stamp_of_known;
    const std::scoped_lock lock(mutex);
    if (!known || stamp(*known) != stamp_of_known) {
        Result<Toolchain> found = probe();
        if (!found) {
            return found;  // not remembered: it may be installed meanwhile
        }
        known = std::move(*found);
        stamp_of_known = stamp(*known);
    }
    return *known;
}

}  // namespace unikernel::u0
