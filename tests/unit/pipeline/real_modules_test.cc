// SPDX-License-Identifier: Apache-2.0
// The module repository as it is: every manifest is read, and hello-world becomes an image.
#include "common/decode/module.hh"
#include "mini_platform.hh"

namespace unikernel
{
namespace
{

TEST(RealModules, all_manifests_are_valid)
{
    const Result<Repository> repository = load_repository(test::source_root / "builder_service/modules");
    ASSERT_TRUE(repository) << repository.error().message;
    for (const char* name : {"console", "posix", "posix-sockets", "lwip", "virtio-net", "http-guard"}) {
        EXPECT_TRUE(repository->find(name)) << name;
    }
}

class HelloWorld : public ::testing::Test
{
protected:
    BuildOutcome build(const std::string& spec)
    {
        BuildRequest request;
        request.spec = *decode_yaml(spec, "spec");
        request.bundle = folder_.path() / "bundle.tar";
        EXPECT_TRUE(write_file(request.bundle, *pack_bundle(folder_.path() / "app")));
        PipelineSettings settings;
        settings.modules = test::source_root / "builder_service/modules";
        settings.platforms = test::source_root / "builder_service/platforms";
        settings.cache = folder_.path() / "cache";
        const auto work = TemporaryDirectory::create("work", folder_.path());
        BuildOutcome outcome = unikernel::build(settings, request, work->path(), observer_, {});
        bytes_ = outcome.image.empty() ? "" : *read_file(outcome.image, 1ULL << 28);
        return outcome;
    }

    TemporaryDirectory folder_ = *TemporaryDirectory::create();
    test::Recorder observer_;
    std::string bytes_;
};

TEST_F(HelloWorld, has_what_was_installed_and_nothing_else)
{
    test::put(folder_.path() / "app/hello.cc",
              "#include <iostream>\nint main() { std::cout << \"hello\\n\"; }\n");
    const BuildOutcome cold = build("{name: hello, application: {sources: [hello.cc]}}");
    ASSERT_EQ(to_string(cold.state), "succeeded") << cold.error;
    EXPECT_EQ(bytes_.find("virtio"), std::string::npos);
    EXPECT_EQ(bytes_.find("http-guard"), std::string::npos);
    for (const auto& module : cold.description["modules"]) {
        EXPECT_NE(module["name"], "lwip");
    }
    const BuildOutcome changed =
        build("{name: hello, application: {sources: [hello.cc]}, modules: {console: {speed: 9600}}}");
    ASSERT_EQ(to_string(changed.state), "succeeded") << changed.error;
    EXPECT_EQ(changed.objects_compiled, 1U);
    const auto total = [](const BuildOutcome& outcome) {
        std::chrono::microseconds sum{};
        for (const PhaseTime& time : outcome.phases) {
            sum += time.duration;
        }
        return sum.count();
    };
    // Times are for the reader: how they compare is the benchmark's to judge, on a quiet machine.
    std::cout << "cold " << total(cold) << " us, one option changed " << total(changed) << " us\n";
}

}  // namespace
}  // namespace unikernel
