// SPDX-License-Identifier: Apache-2.0
// What can be configured, and how mistakes are reported.
#include "common/decode/document.hh"
#include "common/decode/module.hh"
#include "common/decode/specification.hh"
#include "common/model/secret.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

using namespace unikernel;
using testing::HasSubstr;

namespace
{

class ManifestTest : public testing::Test
{
protected:
    static std::filesystem::path root() { return UNIKERNEL_SOURCE_DIR; }

    void SetUp() override
    {
        const Result<nlohmann::json> manifest =
            decode_file(root() / "builder_service/modules/http-guard/module.yaml");
        ASSERT_TRUE(manifest) << manifest.error().message;
        Result<Module> decoded = decode_module(*manifest, "module.yaml");
        ASSERT_TRUE(decoded) << decoded.error().message;
        module_ = std::move(*decoded);
    }

    /// "" when the options (YAML) are accepted, else the message.
    std::string complaint(const std::string& options) const
    {
        const Result<nlohmann::json> given = decode_yaml(options, "options");
        if (!given)
            return given.error().message;
        std::map<std::string, nlohmann::json> values;
        for (const auto& [name, option] : module_.options) {
            const nlohmann::json& value = given->contains(name) ? (*given)[name] : *option.initial;
            Result<nlohmann::json> checked = check_value(option, value, "http-guard." + name);
            if (!checked)
                return checked.error().message;
            values[name] = std::move(*checked);
        }
        const Result<void> references = check_references(module_.options, values, "http-guard");
        return references ? "" : references.error().message;
    }

    std::string complaint_on_path(const std::string& path) const
    {
        return complaint("resources: [{path: '" + path + "', accept: []}]");
    }

    Module module_;
};

const std::string sealed =
    "{salt: '" + std::string(32, '0') + "', hash: '" + std::string(64, '0') + "', iterations: 1000}";

TEST_F(ManifestTest, everything_has_a_default)
{
    EXPECT_EQ(complaint("{}"), "");
}

TEST_F(ManifestTest, paths_have_to_be_normalised)
{
    for (const char* path : {"/", "/private", "/private/", "/a/b.c/~d", "/a%C3%A9", "/.well-known", "/..x"})
        EXPECT_EQ(complaint_on_path(path), "") << path;
    for (const char* path : {"", "private", "//x", "/a//b", "/a/../b", "/.", "/..", "/a/./b", "/a/..", "/a b",
                             "/a?b", "/a#b", "/a;b", "/a%2Fb", "/a%c3", "/a\\b", "/%41"})
        EXPECT_THAT(complaint_on_path(path), HasSubstr("http-guard.resources[0].path: ")) << path;
}

TEST_F(ManifestTest, accept_names_credentials)
{
    const std::string credentials =
        "credentials: [{name: staff, kind: basic, user: s, secret: " + sealed + "}]\n";
    EXPECT_EQ(complaint(credentials + "resources: [{path: /p, accept: [staff]}]"), "");
    EXPECT_EQ(
        complaint(credentials + "resources: [{path: /p, accept: [stuff]}]"),
        "http-guard.resources[0].accept[0]: \"stuff\" is no name in http-guard.credentials; there are staff");
}

TEST_F(ManifestTest, mistakes_are_named)
{
    const std::string staff = "{name: staff, kind: basic, user: s, secret: " + sealed + "}";
    const std::pair<std::string, const char*> cases[] = {
        {"credentials: [" + staff + ", " + staff + "]",
         "http-guard.credentials[1].name: \"staff\" is there already"},
        {"credentials: [{name: s, kind: digest, secret: " + sealed + "}]",
         "\"digest\" is none of basic, bearer"},
        {"credentials: [{name: s, kind: basic, user: 'a:b', secret: " + sealed + "}]", "credentials[0].user"},
        {"credentials: [{name: s, kind: basic}]", "http-guard.credentials[0].secret: must be given"},
        {"resources: [{path: /p}]", "http-guard.resources[0].accept: must be given"},
        {"resources: [{path: /p, accept: [], methods: [get]}]", "http-guard.resources[0].methods[0]"},
        {"resources: [{path: /p, accept: [], role: x}]", "http-guard.resources[0].role: no such field"},
        {"ports: [70000]", "http-guard.ports[0]: 70000 is over the maximum 65535"},
        {"unlisted: maybe", "\"maybe\" is none of allow, deny"},
        {"realm: 'a\"b'", "http-guard.realm"},
        {"head_limit: 100", "http-guard.head_limit: 100 is under the minimum 512 bytes"},
        {"head_timeout: 0", "http-guard.head_timeout: 0 is under the minimum 1 seconds"},
    };
    for (const auto& [options, message] : cases)
        EXPECT_THAT(complaint(options), HasSubstr(message)) << options;
}

TEST_F(ManifestTest, the_example_is_valid)
{
    const Result<nlohmann::json> text = decode_file(root() / "examples/requirements/staff-only.yaml");
    ASSERT_TRUE(text) << text.error().message;
    const Result<nlohmann::json> document =
        seal_secrets(*text, [](std::string_view kind, std::string_view name) -> Result<std::string> {
            EXPECT_EQ(kind, "from_env");
            EXPECT_EQ(name, "STAFF_PASSWORD");
            return "a password";
        });
    ASSERT_TRUE(document) << document.error().message;
    const Result<SecurityRequirement> requirement = decode_requirement(*document);
    ASSERT_TRUE(requirement) << requirement.error().message;
    EXPECT_EQ(requirement->applies_to.labels.at("tier"), "web");
    nlohmann::json options;
    for (const auto& [name, value] : requirement->modules.at("http-guard").options)
        options[name] = value.front().value;
    EXPECT_EQ(complaint(options.dump()), "");
}

}  // namespace
