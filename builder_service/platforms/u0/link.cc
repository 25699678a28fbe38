// SPDX-License-Identifier: Apache-2.0
#include "builder_service/platforms/u0/link.hh"

#include <set>
#include <sstream>

#include "common/util/file.hh"

namespace unikernel::u0
{

namespace
{

namespace fs = std::filesystem;

ProcessSpecification trusted(const char* program, std::vector<std::string> arguments, const fs::path& work)
{
    ProcessSpecification tool;
    tool.program = program;
    tool.arguments = std::move(arguments);
    tool.environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C.UTF-8"}, {"TMPDIR", work.string()}};
    tool.working_directory = work;
    return tool;
}

/// A refused input of ours is a bug of ours.
Failure as_internal(Failure failure, const char* what)
{
    if (failure.kind == FailureKind::invalid) {
        return {FailureKind::internal,
                std::string(what) + ", which is no fault of the application:\n" + failure.message};
    }
    return failure;
}

}  // namespace

Result<fs::path> link_closed(const Description& description, const Toolchain& toolchain,
                             const std::vector<fs::path>& objects, const std::vector<std::string>& exports,
                             const ObjectCache& cache, const fs::path& work, OutputBudget& budget,
                             const std::stop_token& stop)
{
    Sha256 digest;
    digest.field("libos 1").update(toolchain.identity).field(description.link.entry);
    for (const std::string& flag : description.link.closed_flags) {
        digest.field(flag);
    }
    for (const std::string& symbol : exports) {
        digest.field(symbol);
    }
    for (const fs::path& object : objects) {
        digest.field(object.filename().string());
    }
    const Digest key = digest.finish();
    if (const auto known = cache.find(key)) {
        return *known;
    }
    std::vector<std::string> arguments = description.link.closed_flags;
    arguments.insert(arguments.end(), {"-e", description.link.entry});
    std::string visible = description.link.entry + "\n";
    for (const std::string& symbol : exports) {
        arguments.insert(arguments.end(), {"-u", symbol});
        visible += symbol + "\n";
    }
    arguments.insert(arguments.end(), {"-o", "joined.o"});
    for (const fs::path& object : objects) {
        arguments.push_back(object.string());
    }
    if (Result<void> written = write_file(work / "visible", visible); !written) {
        return tl::unexpected(written.error());
    }
    const auto joined = run_tool(trusted("ld", std::move(arguments), work), "linking libos.o", budget, stop);
    if (!joined) {
        return tl::unexpected(as_internal(joined.error(), "core and modules do not link"));
    }
    const auto closed =
        run_tool(trusted("objcopy", {"--keep-global-symbols=visible", "joined.o", "libos.o"}, work),
                 "closing libos.o", budget, stop);
    if (!closed) {
        return tl::unexpected(as_internal(closed.error(), "core and modules cannot be closed"));
    }
    const Result<std::string> bytes = read_file(work / "libos.o", 256ULL << 20);
    if (!bytes) {
        return tl::unexpected(bytes.error());
    }
    return cache.store(key, *bytes);
}

ProcessSpecification final_link(const Description& description, const Toolchain& toolchain,
                                const FinalLink& link, const fs::path& output, const SandboxLimits& limits)
{
    SandboxedTool tool;
    tool.program = "/usr/bin/ld";
    tool.arguments = description.link.flags;
    const auto add = [&](std::initializer_list<std::string> words) {
        tool.arguments.insert(tool.arguments.end(), words.begin(), words.end());
    };
    add({"-T", "/build/link.ld", "-o", "/build/out/image"});
    tool.read_only[link.script] = "/build/link.ld";
    tool.read_only[link.libos] = "/build/libos.o";
    tool.writable[output] = "/build/out/image";
    const auto& files = toolchain.files;
    if (link.c_library) {
        add({"--eh-frame-hdr", files.at("crt1.o"), files.at("crti.o"), files.at("crtbeginT.o")});
    }
    add({"/build/libos.o"});
    std::size_t index = 0;
    for (const auto& [name, file] : link.objects) {
        // The source's name in the object's: it is what the linker's messages show.
        std::string flat = name;
        for (char& c : flat) {
            c = c == '/' ? '_' : c;
        }
        const std::string inside = "/build/objects/" + std::to_string(index++) + "-" + flat + ".o";
        tool.read_only[file] = inside;
        add({inside});
    }
    if (link.c_library) {
        std::set<fs::path> folders;
        for (const char* library : {"libstdc++.a", "libm.a", "libgcc.a", "libgcc_eh.a", "libc.a"}) {
            if (folders.insert(files.at(library).parent_path()).second) {
                add({"-L" + files.at(library).parent_path().string()});
            }
        }
        add({"--start-group", "-lstdc++", "-lm", "-lgcc", "-lgcc_eh", "-lc", "--end-group",
             files.at("crtend.o"), files.at("crtn.o")});
    }
    return sandboxed(tool, limits);
}

std::string linker_message(const std::string& printed)
{
    std::istringstream stream(printed);
    std::string result;
    for (std::string line; std::getline(stream, line);) {
        for (const std::string_view prefix : {"/usr/bin/ld: ", "ld: "}) {
            if (line.starts_with(prefix)) {
                line.erase(0, prefix.size());
                break;
            }
        }
        if (!line.starts_with("warning: ")) {
            result += (result.empty() ? "" : "\n") + line;
        }
    }
    return result;
}

}  // namespace unikernel::u0
