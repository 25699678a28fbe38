// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "builder_service/platforms/u0/generate.hh"
#include "common/decode/document.hh"
#include "common/decode/module.hh"
#include "common/util/file.hh"
#include "common/util/process.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel::u0
{
namespace
{

const std::string head = "version: 1.0.0\nkind: library\nsummary: s\nlicense: Apache-2.0\n";

ModulePtr module(const std::string& name, const std::string& u0, const std::string& options = "{}")
{
    const Result<Module> decoded = decode_module(
        *decode_yaml("name: " + name + "\n" + head + "options: " + options + "\nplatforms: {u0: " + u0 + "}",
                     "m"),
        "m");
    EXPECT_TRUE(decoded) << decoded.error().message;
    return std::make_shared<const Module>(*decoded);
}

Image installed(const std::vector<ModulePtr>& modules)
{
    Image u;
    for (const ModulePtr& m : modules) {
        u = Install(u, m);
    }
    return u;
}

TEST(Generate, a_literal_is_exactly_its_bytes)
{
    EXPECT_EQ(literal("a b"), "\"a b\"");
    EXPECT_EQ(literal("\"\\?\n"), "\"\\042\\134\\077\\012\"");
    EXPECT_EQ(literal("\x01"
                      "2"),
              "\"\\0012\"");  // the digit is no part of the escape
    EXPECT_EQ(literal("\xc3\xa9"), "\"\\303\\251\"");
    EXPECT_EQ(identifier("http-guard"), "http_guard");
    EXPECT_EQ(identifier("stream.accept"), "stream_accept");
}

TEST(Generate, hooks_are_a_chain_in_order_of_installation)
{
    Description core;
    core.points = {{"boot.init", {"void()", ""}},
                   {"console.write", {"void(const char*, std::size_t)", "u0/types.hh"}}};
    const Image u = installed({module("b", "{hooks: {boot.init: u0::b::init}}"),
                               module("a", "{hooks: {boot.init: [u0::a::one, u0::a::two]}}")});
    EXPECT_EQ(
        hooks_header(core.points, *chains(core, u)),
        "// Generated for one image; do not edit.\n#pragma once\n#include \"u0/hook.hh\"\n"
        "#include \"u0/types.hh\"\n"
        "namespace u0::points { using boot_init = void(); }\n"
        "namespace u0::b { ::u0::points::boot_init init; }\n"
        "namespace u0::a { ::u0::points::boot_init one; }\n"
        "namespace u0::a { ::u0::points::boot_init two; }\n"
        "namespace u0::hooks { inline constexpr Chain<points::boot_init, &::u0::b::init, &::u0::a::one, "
        "&::u0::a::two> boot_init; }\n"
        "namespace u0::points { using console_write = void(const char*, std::size_t); }\n"
        "namespace u0::hooks { inline constexpr Chain<points::console_write> console_write; }\n");
}

TEST(Generate, refuses_points_declared_twice_or_by_nobody)
{
    Description core;
    core.points = {{"boot.init", {"void()", ""}}};
    EXPECT_EQ(
        chains(core, installed({module("a", "{points: {boot.init: {signature: void()}}}")})).error().message,
        "hook point boot.init is declared by the core and by a; one must be left out");
    EXPECT_EQ(chains(core, installed({module("a", "{hooks: {stream.accept: u0::a::f}}")})).error().message,
              "module a implements the hook point stream.accept, which no installed module declares; it must "
              "require "
              "the one that does");
}

TEST(Generate, optional_hooks_are_in_where_an_installed_module_declares_their_point)
{
    const Description core;
    const ModulePtr optional = module("a", "{optional_hooks: {stream.accept: u0::a::accept}}");
    EXPECT_TRUE(chains(core, installed({optional}))->empty());
    const ModulePtr declares = module("sockets", "{points: {stream.accept: {signature: bool()}}}");
    for (const auto& order : {std::vector{optional, declares}, std::vector{declares, optional}}) {
        EXPECT_EQ(*chains(core, installed(order)), (Chains{{"stream.accept", {"u0::a::accept"}}}));
    }
}

TEST(Generate, system_calls_are_those_of_installed_modules_and_each_has_one_server)
{
    const ModulePtr posix =
        module("posix", "{syscalls: {read: u0::posix::sys_read, write: u0::posix::sys_read}}");
    const ModulePtr threads = module("threads", "{syscalls: {clone: u0::threads::sys_clone}}");
    EXPECT_EQ(*syscalls_header(installed({posix, threads})),
              "// Generated for one image; do not edit.\n#pragma once\n#include \"u0/syscall.hh\"\n"
              "namespace u0::posix { long sys_read(const ::u0::SyscallArgs&); }\n"
              "namespace u0::threads { long sys_clone(const ::u0::SyscallArgs&); }\n"
              "#define U0_SYSCALLS \\\n    U0_SYSCALL(clone, u0::threads::sys_clone) \\\n"
              "    U0_SYSCALL(read, u0::posix::sys_read) \\\n    U0_SYSCALL(write, u0::posix::sys_read)\n");
    EXPECT_EQ(
        syscalls_header(installed({posix, module("other", "{syscalls: {read: u0::o::f}}")})).error().message,
        "system call read is served by posix and by other; one must be left out");
}

const std::string every_type = R"(
  flag: {type: bool, default: true}
  least: {type: int, default: -9223372036854775808}
  mode: {type: enum, values: [allow, deny-all], default: deny-all}
  motto: {type: string, default: "a\"??/\\ \u00e9\n"}
  names: {type: list, of: {type: string}, default: [x, yy]}
  nothing: {type: list, of: {type: int}, default: []}
  secret: {type: secret}
  resources:
    type: list
    default: []
    of:
      type: record
      fields:
        path: {type: string}
        kind: {type: enum, values: [one, two], default: two}
        methods: {type: list, of: {type: string}, default: []}
)";

TEST(Generate, configuration_constants_compile_and_have_the_values_they_were_given)
{
    const ModulePtr m = module("many-types", "{}", every_type);
    Image u = Install(Image(), m);
    u = *Configure(u, m,
                   {"secret",
                    {{"salt", std::string(30, '0') + "ff"},
                     {"hash", std::string(62, '1') + "ab"},
                     {"iterations", 1000}}});
    u = *Configure(u, m, {"resources", nlohmann::json::parse(R"([{"path":"/a","methods":["GET","PUT"]},
                                                                   {"path":"/b","kind":"one"}])")});
    const std::string header = config_header(*m, u.values("many-types"));
    const auto folder = TemporaryDirectory::create();
    std::filesystem::create_directory(folder->path() / "u0");
    ASSERT_TRUE(
        write_file(folder->path() / "u0/secret.hh",
                   "#pragma once\n#include <array>\n#include <cstdint>\nnamespace u0 { struct Secret { "
                   "std::array<std::uint8_t, 16> salt; std::array<std::uint8_t, 32> hash; std::uint32_t "
                   "iterations; }; }\n"));
    ASSERT_TRUE(write_file(folder->path() / "config.gen.hh", header));
    ASSERT_TRUE(write_file(folder->path() / "check.cc", R"(
#include "config.gen.hh"
using namespace u0::cfg::many_types;
static_assert(flag);
static_assert(least == (-9223372036854775807LL - 1));
static_assert(mode == T_mode::deny_all);
static_assert(motto.size() == 10 && motto[0] == 'a' && motto[1] == '"' && motto[2] == '?' && motto[5] == '\\');
static_assert(names.size() == 2 && names[1] == "yy");
static_assert(nothing.empty());
static_assert(secret.salt[15] == 0xff && secret.hash[31] == 0xab && secret.iterations == 1000);
static_assert(resources.size() == 2 && resources[0].path == "/a" && resources[0].kind == T_resources_kind::two);
static_assert(resources[0].methods.size() == 2 && resources[0].methods[1] == "PUT");
static_assert(resources[1].kind == T_resources_kind::one && resources[1].methods.empty());
)"));
    ProcessSpecification compiler;
    compiler.program = "g++";
    compiler.arguments = {"-std=c++20", "-Wall", "-Wextra",       "-Wconversion",
                          "-Werror",    "-I.",   "-fsyntax-only", "check.cc"};
    compiler.environment = {{"PATH", "/usr/bin:/bin"}};
    compiler.working_directory = folder->path();
    const Result<ProcessResult> result = run(compiler);
    ASSERT_TRUE(result);
    EXPECT_TRUE(result->ok()) << result->error << header;
}

TEST(Generate, the_image_knows_its_name)
{
    EXPECT_EQ(image_header("hello-web"),
              "// Generated for one image; do not edit.\n#pragma once\n"
              "namespace u0::image {\ninline constexpr char name[] = \"hello-web\";\n}\n");
}

}  // namespace
}  // namespace unikernel::u0
