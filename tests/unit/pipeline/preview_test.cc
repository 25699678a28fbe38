// SPDX-License-Identifier: Apache-2.0
#include "builder_service/pipeline/preview.hh"

#include <gmock/gmock.h>

#include "mini_platform.hh"

namespace unikernel
{
namespace
{

using testing::ElementsAre;
using testing::HasSubstr;

class PreviewTest : public test::MiniPlatform
{
protected:
    Result<Preview> plan(const std::string& spec, const std::vector<std::string>& requirements = {})
    {
        BuildRequest request{*decode_yaml(spec, "spec"), {}, {}, true};
        for (const auto& text : requirements)
            request.requirements.push_back(*decode_yaml(text, "requirement"));
        return preview(settings, request);
    }
};

const std::string guarded = "{name: guarded, applies_to: {everything: true}, "
                            "modules: {guard: {port: 81, token: {plain: open sesame}}}}";

TEST_F(PreviewTest, says_who_asks_for_a_module_and_an_option)
{
    const auto plan = this->plan("{name: quiet, modules: {console: {speed: 300}}}", {guarded});
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_THAT(plan->why.at("guard").sources, ElementsAre("requirements.guarded"));
    EXPECT_THAT(plan->why.at("guard").options.at("port"), ElementsAre("requirements.guarded"));
    EXPECT_THAT(plan->why.at("power").needed_by, ElementsAre("guard"));
    EXPECT_THAT(plan->why.at("console").options.at("speed"), ElementsAre("spec"));
    EXPECT_TRUE(plan->why.at("console").needed_by.empty());
    EXPECT_EQ(plan->description["configuration"]["guard"]["port"], 81);
    EXPECT_EQ(plan->description.dump().find("sesame"), std::string::npos);
}

TEST_F(PreviewTest, is_the_plan_that_the_image_will_have)
{
    const auto plan = this->plan(test::console_spec);
    const auto built = build_spec(test::console_spec);
    ASSERT_EQ(to_string(built.state), "succeeded") << built.error;
    EXPECT_EQ(plan->description["plan_digest"], built.description["plan_digest"]);
    auto modules = built.description["modules"];
    for (auto& module : modules) {
        module.erase("configuration_digest");  // found in what was linked
    }
    EXPECT_EQ(plan->description["modules"], modules);
    EXPECT_NE(this->plan(test::console_spec, {guarded})->description["plan_digest"],
              built.description["plan_digest"]);
}

TEST_F(PreviewTest, says_why_there_is_no_plan)
{
    const auto plan = this->plan("{name: quiet, modules: {hermit: {}}}");
    EXPECT_EQ(plan.error().kind, FailureKind::unresolvable);
    EXPECT_THAT(plan.error().message, HasSubstr("hermit (asked for by spec) conflicts with power"));
    EXPECT_EQ(this->plan("{name: quiet, modules: {hermt: {}}}").error().kind, FailureKind::invalid);
}

}  // namespace
}  // namespace unikernel
