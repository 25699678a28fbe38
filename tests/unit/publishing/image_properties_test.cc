// SPDX-License-Identifier: Apache-2.0
#include "builder_service/publishing/image_properties.hh"

#include <gtest/gtest.h>

namespace unikernel
{
namespace
{

using nlohmann::json;

json note()
{
    return {{"format", 1},
            {"name", "web"},
            {"platform", "u0"},
            {"architecture", "x86_64"},
            {"boot", {"multiboot1", "pvh"}},
            {"command_line", "u0"},
            {"devices", {"virtio-net"}},
            {"minimum_memory_mib", 8},
            {"modules", {{{"name", "console"}, {"version", "1"}}, {{"name", "lwip"}, {"version", "2"}}}}};
}

TEST(ImageProperties, follow_from_the_note)
{
    const auto properties = image_properties(note(), "sha256:aa");
    EXPECT_EQ(properties.at("unikernel_format"), "1");
    EXPECT_EQ(properties.at("unikernel_boot"), "multiboot1,pvh");
    EXPECT_EQ(properties.at("unikernel_modules"), "console,lwip");
    EXPECT_EQ(properties.at("unikernel_minimum_memory_mib"), "8");
    EXPECT_EQ(properties.at("unikernel_digest"), "sha256:aa");
    EXPECT_EQ(properties.at("trait:CUSTOM_UNIKERNEL_U0"), "required");
    EXPECT_FALSE(properties.contains("hw_rng_model"));
    EXPECT_FALSE(properties.contains("kernel_id"));
    EXPECT_FALSE(properties.contains("unikernel_plan_digest")) << "the note has none";
    EXPECT_FALSE(properties.contains("unikernel_not_after")) << "it has no limit";
    EXPECT_EQ(minimum_memory_mib(note()), 8U);
}

TEST(ImageProperties, say_until_when_an_image_may_serve)
{
    auto limited = note();
    limited["not_after"] = "2026-12-01T00:00:00Z";
    EXPECT_EQ(image_properties(limited, "d").at("unikernel_not_after"), "2026-12-01T00:00:00Z");
}

TEST(ImageProperties, leave_out_what_nova_would_cut_off)
{
    auto many = note();
    for (int n = 0; n < 60; ++n)
        many["modules"].push_back({{"name", "module-" + std::to_string(n)}});
    EXPECT_FALSE(image_properties(many, "d").contains("unikernel_modules"));
}

TEST(ImageProperties, survive_a_note_that_says_nothing)
{
    for (const auto& empty :
         {json(), json::object(), json::array(), json{{"modules", 3}, {"boot", {{"a", 1}}}}}) {
        EXPECT_EQ(image_properties(empty, "d").at("unikernel_digest"), "d");
        EXPECT_EQ(minimum_memory_mib(empty), 0U);
    }
}

}  // namespace
}  // namespace unikernel
