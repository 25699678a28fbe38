// SPDX-License-Identifier: Apache-2.0
// Every way a build can end badly, by state and message.
#include <fstream>
#include <thread>

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mini_platform.hh"

namespace unikernel
{
namespace
{

using test::console_spec;
using test::server_spec;

class Failing : public test::MiniPlatform
{
protected:
    void expect(const BuildOutcome& outcome, std::string_view state, const std::string& error)
    {
        EXPECT_EQ(to_string(outcome.state), state);
        EXPECT_EQ(outcome.error, error);
        EXPECT_TRUE(outcome.image.empty());
        EXPECT_TRUE(outcome.digest.empty());
    }
};

TEST_F(Failing, bad_input_is_rejected)
{
    expect(build_spec("name: a\nmodul: {}"), "rejected", "spec.modul: unknown key; did you mean modules?");
    expect(build_spec("name: a\nplatform: mirage"), "rejected",
           "spec.platform: there is no platform mirage; there are u0");
    expect(build_spec("name: a\nmodules: {gaurd: {}}"), "rejected",
           "spec.modules.gaurd: there is no such module; did you mean guard?");
    expect(build_spec("name: a\nmodules: {console: {sped: 1}}"), "rejected",
           "spec.modules.console.sped: module console has no such option; did you mean speed?");
    expect(build_spec("name: a\nmodules: {console: {speed: 70000}}"), "rejected",
           "spec.modules.console.speed: 70000 is over the maximum 65535");
    expect(build_spec("name: a\nmodules: {guard: {}}"), "rejected",
           "modules.guard.token: must be given; it has no default. Set it in spec.modules.guard or in a "
           "requirement");
    expect(build_spec("name: a\napplication: {sources: [none.cc]}"), "rejected",
           "spec.application.sources[0]: none.cc is not in the bundle");
    expect(
        build_spec("name: a\nmodules: {guard: {token: {from_env: HOME}}}"), "rejected",
        "spec.modules.guard.token.from_env: only a client reads the environment and files; the service takes "
        "{plain: ...} or the sealed form");
    expect(build_spec(console_spec, {"name: r", "name: r"}), "rejected",
           "requirements.r.applies_to: must be given");
}

TEST_F(Failing, what_cannot_be_combined_is_unresolvable)
{
    expect(build_spec("name: a\nmodules: {hermit: {}}"), "unresolvable",
           "module hermit (asked for by spec) conflicts with power (asked for by spec); an image cannot have "
           "both: "
           "leave one of them out");
    expect(build_spec("name: a\nmodules: {orphan: {}}"), "unresolvable",
           "module orphan (asked for by spec) requires nobody, and no module is named so or provides it; add "
           "that "
           "module to the module repository or drop orphan");
    const std::string one = "{name: one, applies_to: {everything: true}, modules: {console: {speed: 1}}}";
    const std::string two = "{name: two, applies_to: {everything: true}, modules: {console: {speed: 2}}}";
    for (const auto& order : {std::vector{one, two}, std::vector{two, one}}) {
        expect(build_spec(console_spec, order), "unresolvable",
               "module console, option speed: requirements.one sets it to 1 and requirements.two to 2; "
               "requirements "
               "only add or tighten, so one of the two must change");
    }
    expect(build_spec("name: a\nmodules: {posix: {}}"), "unresolvable",
           "spec: a module that runs programs (posix) is installed, but there is no spec.application");
}

TEST_F(Failing, the_compilers_own_words_reach_the_user)
{
    test::put(root() / "app/server.cc", "int main()\n{\n    return missing;\n}\n");
    expect(build_spec(server_spec), "compile-failed",
           "server.cc: In function ‘int main()’:\nserver.cc:3:12: error: ‘missing’ was not declared in this "
           "scope\n"
           "    3 |     return missing;\n      |            ^~~~~~~\n");
    EXPECT_NE(std::find(observer.lines.begin(), observer.lines.end(),
                        "server.cc:3:12: error: ‘missing’ was not declared in this scope"),
              observer.lines.end());
}

TEST_F(Failing, an_undefined_reference_is_named)
{
    test::put(root() / "app/server.cc", "void missing(int);\nint main() { missing(1); }\n");
    const BuildOutcome outcome = build_spec(server_spec);
    EXPECT_EQ(to_string(outcome.state), "link-failed");
    EXPECT_EQ(outcome.error,
              "the application does not link:\n/build/objects/0-server.cc.o: in function `main':\n"
              "server.cc:(.text.startup.main+0xa): undefined reference to `missing(int)'");
}

TEST_F(Failing, a_broken_module_is_not_the_applications_fault)
{
    test::put(settings.modules / "power/second.cc", "broken\n");
    const BuildOutcome outcome = build_spec(console_spec);
    EXPECT_EQ(to_string(outcome.state), "failed");
    EXPECT_TRUE(outcome.error.starts_with(
        "modules/power/second.cc does not compile, which is no fault of the application:\n"))
        << outcome.error;
}

TEST_F(Failing, a_missing_third_party_source_says_how_to_get_it)
{
    test::put(settings.platforms / "u0/sources.yaml", "lwip: {version: 2.1.3}\n");
    module("net", "", "",
           "third_party: [{source: lwip, sources: [src/core/init.c], include: [src/include]}]");
    expect(build_spec("name: a\nmodules: {net: {}}"), "failed",
           "lwip 2.1.3 is not in the source cache " + (settings.cache / "sources").string() +
               ": run tools/fetch-sources.sh --cache " + (settings.cache / "sources").string());
}

TEST_F(Failing, a_module_that_is_not_in_the_bytes_fails_verification)
{
    // The manifest says that init is hooked in, and an object of that name is there, but made to vanish.
    test::put(settings.modules / "power/first.cc",
              "namespace u0::power { [[gnu::visibility(\"default\")]] void init() __asm__(\"renamed\"); void "
              "init() {} }\n"
              "extern \"C\" void alias() __asm__(\"_ZN2u05power4initEv\");\n"
              "extern \"C\" __attribute__((weak)) void alias();\n");
    test::put(settings.platforms / "u0/core/main.cc", "extern \"C\" void mini_main() {}\n");
    const BuildOutcome outcome = build_spec(console_spec);
    EXPECT_EQ(to_string(outcome.state), "verification-failed");
    EXPECT_EQ(outcome.error, "module console is installed, but u0::console::init is not in the image");
}

TEST_F(Failing, a_hook_without_a_point_is_unresolvable)
{
    const auto manifest = settings.modules / "power/module.yaml";
    std::string text = *read_file(manifest, 1 << 20);
    text.replace(text.find("boot.init"), 9, "http.request");
    test::put(manifest, text);
    expect(build_spec(console_spec), "unresolvable",
           "module power implements the hook point http.request, which no installed module declares; it must "
           "require "
           "the one that does");
}

TEST_F(Failing, a_dangerous_bundle_is_rejected)
{
    BuildRequest request;
    request.spec = *decode_yaml(server_spec, "s");
    request.bundle = root() / "bundle.tar";
    test::put(request.bundle, "this is no tar archive at all");
    std::filesystem::create_directory(root() / "w");
    const BuildOutcome outcome = unikernel::build(settings, request, root() / "w", observer, {});
    EXPECT_EQ(to_string(outcome.state), "rejected");
    EXPECT_TRUE(outcome.error.starts_with("bundle: is no tar archive (plain, gzip or zstd): "))
        << outcome.error;
}

TEST_F(Failing, time_runs_out)
{
    ASSERT_EQ(build_spec(server_spec).state, BuildState::succeeded);  // the rest is in the cache now
    // 2^40 different instantiations, only 40 deep.
    test::put(root() / "app/server.cc",
              "template <int D, long N> struct S { static const int v = S<D - 1, 2 * N>::v + "
              "S<D - 1, 2 * N + 1>::v; };\n"
              "template <long N> struct S<0, N> { static const int v = 1; };\n"
              "int main() { return S<40, 1>::v; }\n");
    settings.time_limit = std::chrono::seconds(2);
    const BuildOutcome outcome = build_spec(server_spec);
    EXPECT_EQ(to_string(outcome.state), "timed-out");
    EXPECT_EQ(outcome.error, "compiling server.cc took more than 2 s");
}

TEST_F(Failing, tools_may_not_print_for_ever)
{
    std::string noisy;
    for (int i = 0; i < 300; ++i) {
        noisy += "int f" + std::to_string(i) + "() { return missing" + std::to_string(i) + "; }\n";
    }
    test::put(root() / "app/server.cc", noisy);
    settings.output_limit = 4000;
    const BuildOutcome outcome = build_spec(server_spec);
    EXPECT_EQ(to_string(outcome.state), "log-limit");
    EXPECT_TRUE(outcome.error.starts_with("compiling server.cc: the tools printed more than 4000 bytes; it "
                                          "began with:\nserver.cc: In function"))
        << outcome.error;
}

TEST_F(Failing, a_closed_umask_closes_out_no_tool)
{
    const mode_t before = umask(077);
    const BuildOutcome outcome = build_spec(server_spec);
    umask(before);
    EXPECT_EQ(to_string(outcome.state), "succeeded") << outcome.error;
}

TEST_F(Failing, tools_may_not_multiply)
{
    settings.process_limit = 2;  // the sandbox's own and g++, which starts the compiler proper
    const BuildOutcome outcome = build_spec(server_spec);
    EXPECT_EQ(to_string(outcome.state), "compile-failed");
    EXPECT_TRUE(
        outcome.error.starts_with("compiling server.cc: the tool started more than 2 processes at once, as "
                                  "many as a sandbox may have:\n"))
        << outcome.error;
}

TEST_F(Failing, it_can_be_cancelled_before_and_in_the_middle)
{
    std::stop_source before;
    before.request_stop();
    expect(build_spec(console_spec, {}, before.get_token()), "cancelled", "the build was cancelled");
    std::stop_source middle;
    std::jthread later([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        middle.request_stop();
    });
    const BuildOutcome outcome = build_spec(server_spec, {}, middle.get_token());
    EXPECT_EQ(to_string(outcome.state), "cancelled") << outcome.error;
}

TEST_F(Failing, a_full_disk_is_told_as_such)
{
    settings.cache = root() / "full";
    std::filesystem::create_directory(settings.cache);
    const pid_t pid = fork();
    if (pid == 0) {  // a mount namespace of its own, with a disk of 8 KiB
        const uid_t user = geteuid();
        if (unshare(user == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) != 0) {
            _exit(2);
        }
        if (user != 0) {
            std::ofstream("/proc/self/uid_map") << "0 " << user << " 1\n";
        }
        if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            mount("tmpfs", settings.cache.c_str(), "tmpfs", 0, "size=8k") != 0) {
            _exit(2);
        }
        const BuildOutcome outcome = build_spec(console_spec);
        if (outcome.state != BuildState::disk_full) {
            std::cerr << to_string(outcome.state) << ": " << outcome.error << "\n";
        }
        _exit(outcome.state == BuildState::disk_full ? 0 : 1);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    if (WEXITSTATUS(status) == 2) {
        GTEST_SKIP() << "this host allows no private mounts";
    }
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace unikernel
