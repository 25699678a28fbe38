// SPDX-License-Identifier: Apache-2.0
// Modules(u) and Configuration(u, m), answered from the bytes: what is planned and not there gives no image.
#include <algorithm>

#include "builder_service/pipeline/proof.hh"
#include "common/decode/module.hh"
#include "common/util/digest.hh"
#include "mini_platform.hh"

namespace unikernel
{
namespace
{

using test::console_spec;
using test::server_spec;

class Proof : public test::MiniPlatform
{
protected:
    void manifest(const std::string& module, const std::string& rest)
    {
        test::put(settings.modules / module / "module.yaml",
                  "name: " + module + "\nversion: 1.0.0\nkind: security\nsummary: s\nlicense: Apache-2.0\n" +
                      rest);
    }

    void expect_refused(const BuildOutcome& outcome, const std::string& error)
    {
        EXPECT_EQ(to_string(outcome.state), "verification-failed");
        EXPECT_EQ(outcome.error, error);
        EXPECT_TRUE(outcome.image.empty());
    }
};

TEST_F(Proof, each_module_and_the_digest_of_its_configuration_are_found_in_its_own_objects)
{
    manifest(
        "plain",
        "options: {}\nplatforms: {u0: {sources: [plain.S, more.c], hooks: {boot.init: u0::plain::init}}}");
    test::put(settings.modules / "plain/plain.S",
              ".globl _ZN2u05plain4initEv\n_ZN2u05plain4initEv: jmp plain_more\n"
              ".section .note.GNU-stack, \"\", @progbits\n");
    test::put(settings.modules / "plain/more.c", "void plain_more(void);\nvoid plain_more(void) {}\n");
    const BuildOutcome outcome = build_spec("name: quiet\nmodules: {plain: {}, console: {speed: 12}}\n");
    ASSERT_EQ(to_string(outcome.state), "succeeded") << outcome.error;
    const Result<ImageFacts> facts = inspect_image(image());
    ASSERT_TRUE(facts) << facts.error().message;
    EXPECT_EQ(facts->description["modules"],
              (nlohmann::json{{{"name", "console"},
                               {"version", "1.0.0"},
                               {"configuration_digest", configuration_digest({{"speed", 12}})}},
                              {{"name", "plain"}, {"version", "1.0.0"}},
                              {{"name", "power"},
                               {"version", "1.0.0"},
                               {"configuration_digest", configuration_digest({{"unused", true}})}}}))
        << facts->description["modules"];
    EXPECT_EQ(image_bytes().find("console 1.0.0"), std::string::npos) << "the record costs memory";
}

TEST_F(Proof, a_module_without_sources_is_no_module_of_the_image)
{
    manifest("empty", "platforms: {u0: {sources: []}}");
    expect_refused(
        build_spec("name: a\nmodules: {empty: {}}"),
        "module empty is planned, but nothing of it is in the image: none of its sources for u0 has "
        "anything that is used");
}

TEST_F(Proof, a_module_whose_code_the_linker_drops_is_no_module_of_the_image)
{
    manifest("idle", "platforms: {u0: {sources: [idle.cc]}}");
    test::put(settings.modules / "idle/idle.cc", "namespace u0::idle { void f(); void f() {} }\n");
    expect_refused(
        build_spec("name: a\nmodules: {idle: {}}"),
        "module idle is planned, but nothing of it is in the image: none of its sources for u0 has "
        "anything that is used");
}

TEST_F(Proof, an_application_cannot_stand_in_for_a_module)
{
    manifest("idle", "platforms: {u0: {sources: [idle.cc]}}");
    test::put(settings.modules / "idle/idle.cc", "namespace u0::idle { void f(); void f() {} }\n");
    test::put(root() / "app/server.cc",
              "__asm__(\".pushsection .u0.modules,\\\"\\\",@progbits\\n.ascii \\\"idle 1.0.0"
              "\\\\n\\\"\\n.popsection\");\nint main() {}\n");
    const BuildOutcome outcome =
        build_spec("name: web\napplication: {sources: [server.cc]}\nmodules: {idle: {}}\n");
    EXPECT_EQ(to_string(outcome.state), "verification-failed") << outcome.error;
}

TEST_F(Proof, options_that_no_source_reads_are_no_configuration)
{
    test::put(settings.modules / "console/first.cc",
              "namespace u0::console { void second(); void init() { second(); } int value; }\n");
    test::put(settings.modules / "console/second.cc",
              "namespace u0::console { void second(); void second() {} }\n");
    expect_refused(
        build_spec(console_spec),
        "module console has options, but its configuration is not in the image: none of its sources "
        "reads the constants of config.gen.hh");
}

TEST_F(Proof, constants_of_another_configuration_are_refused)
{
    // A header of the module's own hides the generated one.
    ASSERT_EQ(build_spec(console_spec).state, BuildState::succeeded);
    const std::string other = configuration_digest({{"speed", 70}});
    test::put(settings.modules / "console/config.gen.hh",
              "__asm__(\".pushsection .u0.modules,\\\"\\\",@progbits\\n.ascii \\\"console 1.0.0 " + other +
                  "\\\\n\\\"\\n.popsection\");\nnamespace u0::cfg::console { inline constexpr long long "
                  "speed = 70; }\n");
    expect_refused(build_spec(console_spec), "module console is in the image with another configuration (" +
                                                 other + ") than planned (" +
                                                 configuration_digest({{"speed", 9}}) + ")");
}

TEST_F(Proof, a_flipped_configuration_is_refused_by_whoever_reads_the_image)
{
    // The note is the builder's; here its objects are those of speed 9, and the note says 8: as if a builder
    // lied.
    ASSERT_EQ(build_spec(console_spec).state, BuildState::succeeded);
    std::string bytes = image_bytes();
    const std::size_t at = bytes.find("\"speed\":9");
    ASSERT_NE(at, std::string::npos);
    bytes[at + 8] = '8';
    const std::size_t seal = bytes.size() - sizeof(Digest);
    bytes.replace(seal, sizeof(Digest), sizeof(Digest), '\0');
    const Digest forged = sha256(bytes);
    std::copy(forged.begin(), forged.end(), bytes.begin() + static_cast<std::ptrdiff_t>(seal));
    test::put(root() / "forged", bytes);
    EXPECT_EQ(inspect_image(root() / "forged").error().message,
              (root() / "forged").string() + ": is no intact image: description: the configuration of module "
                                             "console is not the one that is in its code");
}

/// An image of one module with one option, and what its note must say.
class CheckProof : public ::testing::Test
{
protected:
    static ModulePtr module(const std::string& name)
    {
        return std::make_shared<const Module>(*decode_module(
            *decode_yaml("name: " + name +
                             "\nversion: 1.2.0\nkind: security\nsummary: s\nlicense: L\n"
                             "options: {level: {type: int, default: 3}, key: {type: secret}}\nplatforms: {}",
                         "m"),
            "m"));
    }

    void SetUp() override
    {
        const nlohmann::json secret{
            {"salt", std::string(32, '0')}, {"hash", std::string(64, '1')}, {"iterations", 1000}};
        const ModulePtr m = module("guard");
        planned = *Configure(Install(Image(), m), m, {"key", secret});
        note = {{"modules",
                 {{{"name", "guard"},
                   {"version", "1.2.0"},
                   {"configuration_digest", configuration_digest(planned.values("guard"))}}}},
                {"configuration", {{"guard", {{"level", 3}, {"key", {{"sealed", true}}}}}}}};
    }

    std::string refusal() const
    {
        const Result<void> checked = check_proof(planned, note);
        return checked ? ""
                       : checked.error().message.substr(
                             std::string("the finished image is not the planned one: ").size());
    }

    Image planned;
    nlohmann::json note;
};

TEST_F(CheckProof, takes_what_was_planned)
{
    EXPECT_EQ(refusal(), "");
}

TEST_F(CheckProof, names_the_module_that_is_missing_or_too_many)
{
    nlohmann::json good = note;
    note["modules"] = nlohmann::json::array();
    EXPECT_EQ(refusal(), "module guard 1.2.0 is planned, and nothing is in its place");
    note = good;
    note["modules"][0]["version"] = "1.1.0";
    EXPECT_EQ(refusal(), "module guard 1.2.0 is planned, and guard 1.1.0 is in its place");
    note = good;
    note["modules"].push_back({{"name", "other"}, {"version", "1.0.0"}});
    EXPECT_EQ(refusal(), "module other 1.0.0 was not planned");
}

TEST_F(CheckProof, names_the_option_that_differs)
{
    nlohmann::json good = note;
    note["configuration"]["guard"]["level"] = 4;
    EXPECT_EQ(refusal(), "option guard.level is 4, planned is 3");
    note = good;
    note["configuration"]["guard"].erase("key");
    EXPECT_EQ(refusal(), "option guard.key is null, planned is {\"sealed\":true}");
    note = good;
    note["configuration"]["guard"]["more"] = 1;
    EXPECT_EQ(refusal(), "module guard has other options than planned");
    note = good;
    note["modules"][0]["configuration_digest"] = configuration_digest({});
    EXPECT_EQ(refusal(), "the configuration of module guard has another digest");
}

}  // namespace
}  // namespace unikernel
