// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include "mini_platform.hh"

#include "common/util/digest.hh"

namespace unikernel
{
namespace
{

using Pipeline = test::MiniPlatform;
using test::console_spec;
using test::server_spec;

TEST(BuildStates, have_the_names_of_the_rest_api_both_ways)
{
    for (int i = 0; i <= static_cast<int>(BuildState::failed); ++i) {
        const auto state = static_cast<BuildState>(i);
        EXPECT_EQ(build_state(to_string(state)), state);
    }
    EXPECT_EQ(to_string(BuildState::verification_failed), "verification-failed");
    EXPECT_FALSE(build_state("done"));
}

TEST_F(Pipeline, builds_an_image_that_describes_itself)
{
    const BuildOutcome outcome = build_spec(server_spec);
    ASSERT_EQ(to_string(outcome.state), "succeeded") << outcome.error;
    const Result<ImageFacts> facts = inspect_image(image());
    ASSERT_TRUE(facts) << facts.error().message;
    EXPECT_EQ(facts->digest, outcome.digest);
    EXPECT_EQ(facts->description, outcome.description);
    EXPECT_EQ(facts->description["name"], "web");
    EXPECT_EQ(facts->description["architecture"], "x86_64");
    EXPECT_EQ(facts->description["boot"], (nlohmann::json{"multiboot1", "pvh"}));
    EXPECT_EQ(facts->description["modules"][0]["name"], "console");
    EXPECT_EQ(facts->description["modules"][0]["version"], "1.0.0");
    EXPECT_EQ(facts->description["configuration"]["console"]["speed"], 9);
    EXPECT_EQ(observer.phases,
              (std::vector<std::string>{"plan", "resolve", "generate", "compile", "link", "verify"}));
    EXPECT_EQ(outcome.phases.size(), 6U);
    for (const PhaseTime& time : outcome.phases) {  // figures for whoever reads the test's output
        std::cout << to_string(time.phase) << " " << time.duration.count() << " us\n";
    }
}

TEST_F(Pipeline, an_image_without_an_application_has_no_c_library)
{
    const BuildOutcome outcome = build_spec(console_spec);
    ASSERT_EQ(to_string(outcome.state), "succeeded") << outcome.error;
    EXPECT_LT(std::filesystem::file_size(image()), 100'000U);
    EXPECT_EQ(image_bytes().find("GNU C Library"), std::string::npos);
}

TEST_F(Pipeline, the_same_inputs_give_the_same_bytes_elsewhere_and_without_a_cache)
{
    ASSERT_EQ(build_spec(server_spec).state, BuildState::succeeded);
    const std::string first = image_bytes();
    const BuildOutcome again = build_spec(server_spec);
    EXPECT_EQ(again.objects_compiled, 0U);
    EXPECT_EQ(image_bytes(), first);
    // Another cache, and the sources under another path of another length.
    settings.cache = root() / "another-cache-folder";
    std::filesystem::create_directory(root() / "elsewhere");
    std::filesystem::copy(settings.modules, root() / "elsewhere/modules",
                          std::filesystem::copy_options::recursive);
    std::filesystem::copy(settings.platforms, root() / "elsewhere/platforms",
                          std::filesystem::copy_options::recursive);
    settings.modules = root() / "elsewhere/modules";
    settings.platforms = root() / "elsewhere/platforms";
    const BuildOutcome cold = build_spec(server_spec);
    EXPECT_GT(cold.objects_compiled, 0U);
    EXPECT_TRUE(image_bytes() == first);
    EXPECT_EQ(image_bytes().find(root().string()), std::string::npos) << "a host path is in the image";
}

TEST_F(Pipeline, a_changed_option_recompiles_only_what_reads_it)
{
    const BuildOutcome cold = build_spec(console_spec);
    ASSERT_EQ(cold.state, BuildState::succeeded) << cold.error;
    EXPECT_EQ(cold.objects_compiled, 6U);  // two of the core, two of each module
    const BuildOutcome changed = build_spec("name: quiet\nmodules: {console: {speed: 10}}\n");
    ASSERT_EQ(changed.state, BuildState::succeeded) << changed.error;
    EXPECT_EQ(changed.objects_compiled, 1U);
    EXPECT_EQ(changed.objects_cached, 5U);
    EXPECT_NE(changed.digest, cold.digest);
}

TEST_F(Pipeline, a_changed_header_recompiles_its_readers)
{
    ASSERT_EQ(build_spec(console_spec).state, BuildState::succeeded);
    const auto header = settings.platforms / "u0/include/u0/hook.hh";
    test::put(header, *read_file(header, 1 << 20) + "// changed\n");
    EXPECT_EQ(build_spec(console_spec).objects_compiled, 1U);  // core/main.cc, by hooks.gen.hh
}

TEST_F(Pipeline, a_precompiled_header_that_the_compiler_refuses_is_read_as_it_is)
{
    ASSERT_EQ(build_spec(console_spec).state, BuildState::succeeded);
    const auto edit_main = [&] {
        const auto source = settings.platforms / "u0/core/main.cc";
        test::put(source, *read_file(source, 1 << 20) + "// changed\n");
    };
    edit_main();
    const BuildOutcome used = build_spec(console_spec);
    ASSERT_EQ(used.state, BuildState::succeeded) << used.error;
    int refused = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(settings.cache / "objects")) {
        if (entry.is_regular_file() && read_file(entry.path(), 1ULL << 30)->starts_with("gpch")) {
            std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(8);
            file << "of another compiler";
            ++refused;
        }
    }
    ASSERT_EQ(refused, 1);
    edit_main();
    const BuildOutcome unused = build_spec(console_spec);
    ASSERT_EQ(unused.state, BuildState::succeeded) << unused.error;
    EXPECT_EQ(unused.objects_compiled, 1U);
    EXPECT_EQ(unused.digest, used.digest);
}

TEST_F(Pipeline, an_object_cut_short_in_the_cache_is_compiled_again)
{
    ASSERT_EQ(build_spec(console_spec).state, BuildState::succeeded);
    const std::string good = image_bytes();
    for (const auto& entry : std::filesystem::recursive_directory_iterator(settings.cache / "objects")) {
        if (entry.path().extension() == ".o") {
            std::filesystem::resize_file(entry.path(), entry.file_size() / 2);
        }
    }
    const BuildOutcome outcome = build_spec(console_spec);
    ASSERT_EQ(outcome.state, BuildState::succeeded) << outcome.error;
    EXPECT_EQ(outcome.objects_compiled, 6U);
    EXPECT_EQ(image_bytes(), good);
}

const std::string guard = R"(
name: staff
applies_to: {labels: {tier: web}}
modules: {guard: {token: {plain: sesame-open-now}}}
)";

TEST_F(Pipeline, a_requirement_installs_its_module_and_its_secret_leaves_no_trace)
{
    const BuildOutcome outcome = build_spec(server_spec, {guard});
    ASSERT_EQ(to_string(outcome.state), "succeeded") << outcome.error;
    EXPECT_EQ(outcome.description["configuration"]["guard"],
              (nlohmann::json{{"port", 80}, {"token", {{"sealed", true}}}}));
    EXPECT_EQ(image_bytes().find("sesame"), std::string::npos);
    for (const std::string& line : observer.lines) {
        EXPECT_EQ(line.find("sesame"), std::string::npos);
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root())) {
        if (entry.is_regular_file()) {
            EXPECT_EQ(read_file(entry.path(), 1ULL << 28)->find("sesame"), std::string::npos) << entry.path();
        }
    }
}

TEST_F(Pipeline, what_does_not_apply_is_skipped_visibly)
{
    const BuildOutcome outcome = build_spec(console_spec, {guard});
    ASSERT_EQ(outcome.state, BuildState::succeeded) << outcome.error;
    EXPECT_EQ(observer.warnings,
              std::vector<std::string>{"requirements.staff does not apply to quiet and is left out"});
}

TEST_F(Pipeline, request_digest_follows_all_that_determines_the_bytes)
{
    BuildRequest request;
    request.spec = *decode_yaml(server_spec, "s");
    const auto digest = [&](const char* bundle = "sha256:1") {
        return *request_digest(settings, request, bundle);
    };
    const std::string first = digest();
    EXPECT_EQ(digest(), first);
    EXPECT_NE(digest("sha256:2"), first);
    request.boot_check = false;
    EXPECT_EQ(digest(), first);
    request.requirements = {*decode_yaml(guard, "r")};
    EXPECT_NE(digest(), first);
    request.requirements.clear();
    test::put(settings.modules / "power/second.cc", "namespace u0::power { int x; }\n");
    EXPECT_NE(digest(), first);
    request.spec["modules"]["nothing"] = nlohmann::json::object();
    EXPECT_EQ(request_digest(settings, request, "").error().message,
              "spec.modules.nothing: there is no such module; there are console, guard, hermit, orphan, "
              "posix, power");
}

TEST_F(Pipeline, the_boot_check_decides_when_it_is_asked_for)
{
    settings.boot_check = [](const auto& path, const auto& description, BuildObserver&, std::stop_token) {
        EXPECT_TRUE(inspect_image(path));
        return description["name"] == "quiet" ? Result<void>{}
                                              : fail(FailureKind::invalid, "u0: panic: out of memory");
    };
    EXPECT_EQ(build_spec(console_spec).state, BuildState::succeeded);
    EXPECT_EQ(observer.phases.back(), "boot");
    const BuildOutcome outcome = build_spec("name: loud\n");
    EXPECT_EQ(to_string(outcome.state), "boot-failed");
    EXPECT_EQ(outcome.error, "u0: panic: out of memory");
    EXPECT_TRUE(outcome.image.empty());
}

}  // namespace
}  // namespace unikernel
