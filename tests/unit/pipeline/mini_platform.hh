// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "builder_service/pipeline/pipeline.hh"
#include "builder_service/sandbox/bundle.hh"
#include "common/decode/document.hh"
#include "common/util/file.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel::test
{

/// The repository's root, from the build system.
inline const std::filesystem::path source_root = UNIKERNEL_SOURCE_ROOT;

inline void put(const std::filesystem::path& path, const std::string& text)
{
    std::filesystem::create_directories(path.parent_path());
    const Result<void> written = write_file(path, text);
    ASSERT_TRUE(written) << written.error().message;
}

/// Remembers what a build says.
class Recorder : public BuildObserver
{
public:
    void phase(Phase phase, std::string_view /*what*/) override { phases.emplace_back(to_string(phase)); }
    void log(std::string_view line) override { lines.emplace_back(line); }
    void warning(std::string_view text) override { warnings.emplace_back(text); }
    std::vector<std::string> phases, lines, warnings;
};

/// Platform u0 with a core of twenty lines and modules of one: real compiler, linker, sandbox, link.ld and
/// headers, but a cold build of a second. Its images have the right form, and do nothing.
class MiniPlatform : public ::testing::Test
{
protected:
    void SetUp() override
    {
        namespace fs = std::filesystem;
        const fs::path real = source_root / "builder_service/platforms/u0";
        const fs::path u0 = root() / "platforms/u0";
        fs::create_directories(u0);
        fs::copy(real / "include", u0 / "include", fs::copy_options::recursive);
        fs::copy(real / "link.ld", u0 / "link.ld");
        nlohmann::json platform = *decode_file(real / "platform.yaml");
        platform["sources"] = {"core/entry.S", "core/main.cc"};
        platform["points"] = {{"boot.init", {{"signature", "void()"}}}};
        platform["compile"]["precompiled"] = {"cstddef"};
        put(u0 / "platform.yaml", platform.dump());  // JSON is YAML
        const std::string entry = platform["link"]["entry"];
        put(u0 / "core/entry.S", entry_source(entry));
        put(u0 / "core/main.cc", "#include \"hooks.gen.hh\"\n#include \"image.gen.hh\"\n"
                                 "extern \"C\" const char* mini_main() { u0::hooks::boot_init(); "
                                 "return u0::image::name; }\n");
        module("console", "", "speed: {type: int, minimum: 1, maximum: 65535, default: 9}");
        module("power");
        module("posix", "", "arguments: {type: list, of: {type: string}, default: []}", "personality: glibc");
        module("guard", "requires: [power]",
               "port: {type: int, minimum: 1, maximum: 65535, default: 80}\n"
               "  token: {type: secret}");
        module("hermit", "conflicts: [power]");
        module("orphan", "requires: [nobody]");
        put(root() / "app/server.cc", "#include <cstdio>\nint main() { std::puts(\"up\"); }\n");
        settings.modules = root() / "modules";
        settings.platforms = root() / "platforms";
        settings.cache = root() / "cache";
        settings.time_limit = std::chrono::seconds(100);
    }

    std::filesystem::path root() const { return folder_.path(); }

    void module(const std::string& name, const std::string& relations = "", const std::string& options = "",
                const std::string& more = "")
    {
        std::string scope = name;
        put(root() / "modules" / name / "module.yaml",
            "name: " + name + "\nversion: 1.0.0\nkind: library\nsummary: s\nlicense: Apache-2.0\n" +
                relations + "\noptions:\n  " +
                (options.empty() ? "unused: {type: bool, default: true}" : options) +
                "\nplatforms:\n  u0:\n    sources: [first.cc, second.cc]\n    hooks: {boot.init: u0::" +
                scope + "::init}\n" + (more.empty() ? "" : "    " + more + "\n"));
        put(root() / "modules" / name / "first.cc",
            "#include \"config.gen.hh\"\nnamespace u0::" + scope +
                " { void second(); volatile long long value;\n"
                "void init() { value = sizeof(long long)" +
                (name == "console" ? " + u0::cfg::console::speed" : "") + "; second(); } }\n");
        put(root() / "modules" / name / "second.cc",
            "namespace u0::" + scope +
                " { extern volatile long long value; void second(); void second() { value = 1; } }\n");
    }

    /// Builds in a work folder of its own; the image is copied out as `image()`.
    BuildOutcome build_spec(const std::string& spec, const std::vector<std::string>& requirements = {},
                            std::stop_token stop = {})
    {
        BuildRequest request;
        const auto decoded = decode_yaml(spec, "spec");
        EXPECT_TRUE(decoded) << decoded.error().message;
        request.spec = *decoded;
        for (const std::string& text : requirements) {
            request.requirements.push_back(*decode_yaml(text, "requirement"));
        }
        const Result<std::string> tar = pack_bundle(root() / "app");
        EXPECT_TRUE(tar);
        request.bundle = root() / "bundle.tar";
        EXPECT_TRUE(write_file(request.bundle, *tar));
        observer = {};
        const auto work = TemporaryDirectory::create("work", root());
        BuildOutcome outcome = unikernel::build(settings, request, work->path(), observer, std::move(stop));
        if (outcome.state == BuildState::succeeded) {
            std::filesystem::copy_file(outcome.image, image(),
                                       std::filesystem::copy_options::overwrite_existing);
        }
        return outcome;
    }

    std::filesystem::path image() const { return root() / "image"; }
    std::string image_bytes() const { return *read_file(image(), 1ULL << 28); }

    static std::string entry_source(const std::string& entry)
    {
        return "    .section .u0.boot, \"ax\"\n    .code32\n    .balign 4\n"
               "header: .long 0x1badb002, 0x00010003, -(0x1badb002 + 0x00010003)\n"
               "    .long header, __u0_image_start, __u0_load_end, __u0_bss_end, start\n"
               "start: hlt\n    .code64\n    .globl " +
               entry + "\n" + entry +
               ": call mini_main\n    call early\n    hlt\n"
               // One thing in every segment that link.ld aligns, as a real core has.
               "    .section .u0.init.text, \"ax\"\nearly: movq sealed, %rax\n    movq changing, %rax\n    "
               "ret\n"
               "    .section .u0.sealed.data, \"aw\"\nsealed: .quad 1\n    .data\nchanging: .quad 1\n"
               "    .section .note.Xen, \"a\", @note\n    .long 4, 8, 18\n    .asciz \"Xen\"\n    .quad "
               "start\n"
               "    .section .note.GNU-stack, \"\", @progbits\n";
    }

    PipelineSettings settings;
    Recorder observer;

private:
    TemporaryDirectory folder_ = *TemporaryDirectory::create();
};

inline const std::string console_spec = "name: quiet\n";
inline const std::string server_spec =
    "name: web\napplication: {sources: [server.cc]}\nlabels: {tier: web}\n";

}  // namespace unikernel::test
