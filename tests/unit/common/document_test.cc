// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "common/decode/document.hh"
#include "common/util/file.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel
{
namespace
{

using nlohmann::json;

json yaml(const std::string& text)
{
    const Result<json> result = decode_yaml(text, "spec.yaml");
    EXPECT_TRUE(result) << result.error().message;
    return result ? *result : json();
}

std::string yaml_refusal(const std::string& text, const DocumentLimits& limits = {})
{
    const Result<json> result = decode_yaml(text, "spec.yaml", limits);
    EXPECT_FALSE(result);
    return result ? "" : result.error().message;
}

std::string json_refusal(const std::string& text, const DocumentLimits& limits = {})
{
    const Result<json> result = decode_json(text, "body", limits);
    EXPECT_FALSE(result);
    return result ? "" : result.error().message;
}

TEST(Yaml, follows_the_core_schema)
{
    EXPECT_EQ(
        yaml("{a: 1, b: -2, c: 0x10, d: 0o17, e: 1.5, f: true, g: null, h: ~, i: text, j: '1', k: \"true\", "
             "l: yes}"),
        json::parse(R"({"a":1,"b":-2,"c":16,"d":15,"e":1.5,"f":true,"g":null,"h":null,"i":"text","j":"1",
                              "k":"true","l":"yes"})"));
    EXPECT_EQ(yaml("version: 1.0.0\nip: 10.0.2.15/24\nempty:\nlist:\n  - a\n  - {b: c}\n"),
              json::parse(R"({"version":"1.0.0","ip":"10.0.2.15/24","empty":null,"list":["a",{"b":"c"}]})"));
    EXPECT_EQ(yaml("a: .nan\nb: .inf\nc: nan\nd: e1\ne: 18446744073709551615"),
              json::parse(R"({"a":".nan","b":".inf","c":"nan","d":"e1","e":18446744073709551615})"));
}

TEST(Yaml, names_line_and_column_of_what_is_not_yaml)
{
    EXPECT_EQ(yaml_refusal("name: web\nmodules: [a, b\n"),
              "spec.yaml:3:1: not YAML: end of sequence flow not found");
    EXPECT_EQ(yaml_refusal("a: b: c"), "spec.yaml:1:5: not YAML: illegal map value");
}

TEST(Yaml, refuses_anchors_and_aliases_so_that_nothing_explodes)
{
    EXPECT_EQ(yaml_refusal("a: &x [1]\nb: [*x, *x]"),
              "spec.yaml:1:4: anchors (&name) are not supported; write the value out");
    // The billion laughs: refused at its first anchor, before anything is expanded.
    std::string laughs = "a0: &a0 [lol]\n";
    for (int i = 1; i < 12; ++i) {
        const std::string before = "*a" + std::to_string(i - 1);
        laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
        for (int k = 0; k < 9; ++k) {
            laughs += ", " + before;
        }
        laughs += "]\n";
    }
    EXPECT_EQ(yaml_refusal(laughs), "spec.yaml:1:5: anchors (&name) are not supported; write the value out");
}

TEST(Yaml, refuses_what_a_specification_has_no_use_for)
{
    EXPECT_EQ(yaml_refusal("a: 1\na: 2"), "spec.yaml:2:1: key \"a\" appears twice");
    EXPECT_EQ(yaml_refusal("a: !!python/object:os.system x"),
              "spec.yaml:1:4: tags (tag:yaml.org,2002:python/object:os.system) are not supported");
    EXPECT_EQ(yaml_refusal("? [a]\n: b"), "spec.yaml:1:3: a key must be a plain word");
    EXPECT_EQ(yaml_refusal("a: 1\n---\nb: 2"), "spec.yaml: has more than one document");
    EXPECT_EQ(yaml_refusal(""), "spec.yaml: is empty");
    EXPECT_EQ(yaml_refusal("a: \xff"), "spec.yaml: is not UTF-8 text");
    EXPECT_EQ(yaml_refusal(std::string("a: \0b", 5)), "spec.yaml: is not UTF-8 text");
}

TEST(Yaml, is_bounded_in_bytes_depth_and_nodes)
{
    EXPECT_EQ(yaml_refusal(std::string(2'000'000, 'a')),
              "spec.yaml: 2000000 bytes are over the limit of 1048576");
    EXPECT_EQ(yaml_refusal(std::string(100, '[') + std::string(100, ']')),
              "spec.yaml:1:33: nested deeper than 32 levels");
    EXPECT_FALSE(yaml_refusal(std::string(500'000, '[')).empty());  // and no stack overflow
    EXPECT_EQ(yaml_refusal("[1, 2, 3, 4]", {.bytes = 100, .depth = 3, .nodes = 4}),
              "spec.yaml:1:11: more than 4 values and keys");
}

TEST(Json, is_decoded_under_the_same_rules)
{
    EXPECT_EQ(*decode_json(R"({"a":[1,-2,1.5,true,null,"x"]})", "body"),
              json::parse(R"({"a":[1,-2,1.5,true,null,"x"]})"));
    EXPECT_EQ(json_refusal(R"({"a":1,"a":2})"), "body: key \"a\" appears twice");
    EXPECT_EQ(json_refusal(std::string(100'000, '[')), "body: nested deeper than 32 levels");
    EXPECT_EQ(json_refusal("[1,2,3,4]", {.bytes = 100, .depth = 3, .nodes = 4}),
              "body: more than 4 values and keys");
    EXPECT_EQ(json_refusal(std::string(2'000'000, ' ')), "body: 2000000 bytes are over the limit of 1048576");
    EXPECT_EQ(json_refusal(R"({"a":)").substr(0, 36), "body: not JSON, byte 6: syntax error");
    EXPECT_EQ(json_refusal("\"\xff\"").substr(0, 23), "body: not JSON, byte 2:");
}

TEST(Json, equal_documents_in_both_forms_are_equal)
{
    EXPECT_EQ(*decode_json(R"({"port":80,"on":true})", "b"), yaml("port: 80\non: true"));
}

TEST(DocumentFile, of_100_megabytes_is_refused_by_its_size_before_it_is_read)
{
    const auto folder = TemporaryDirectory::create();
    const auto path = folder->path() / "spec.yaml";
    ASSERT_TRUE(write_file(path, "a: 1"));
    EXPECT_EQ(*decode_file(path), json::parse(R"({"a":1})"));
    std::filesystem::resize_file(path, 100ULL << 20);
    const Result<json> result = decode_file(path);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, FailureKind::too_large);
    EXPECT_EQ(result.error().message, path.string() + ": 104857600 bytes are over the limit of 1048576");
}

}  // namespace
}  // namespace unikernel
