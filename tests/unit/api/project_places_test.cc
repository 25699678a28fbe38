// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/project_places.hh"

#include <vector>

#include <gtest/gtest.h>

namespace unikernel::api
{
namespace
{

Caller of(std::string project, std::vector<std::string> roles = {"member"})
{
    Caller caller;
    caller.project_id = std::move(project);
    caller.roles = std::move(roles);
    return caller;
}

TEST(ProjectPlaces, one_project_cannot_have_them_all)
{
    ProjectPlaces places(4, 2);
    auto first = places.take(of("blue"));
    const auto second = places.take(of("blue"));
    ASSERT_TRUE(first.place && second.place);
    const auto third = places.take(of("blue"));
    EXPECT_FALSE(third.place);
    EXPECT_TRUE(third.by_own_project);
    EXPECT_TRUE(places.take(of("red")).place);
    first.place.reset();
    EXPECT_TRUE(places.take(of("blue")).place) << "one was freed";
}

TEST(ProjectPlaces, there_are_no_more_than_all)
{
    ProjectPlaces places(3, 2);
    const std::vector<ProjectPlaces::Taken> taken{places.take(of("blue")), places.take(of("red")),
                                                  places.take(of("green"))};
    const auto refused = places.take(of("white"));
    EXPECT_FALSE(refused.place);
    EXPECT_FALSE(refused.by_own_project);
}

TEST(ProjectPlaces, services_and_a_cloud_without_projects_are_bound_by_the_number_in_all_alone)
{
    for (const auto& caller : {of("service", {"service"}), of("")}) {
        ProjectPlaces places(3, 1);
        const std::vector<ProjectPlaces::Taken> taken{places.take(caller), places.take(caller),
                                                      places.take(caller)};
        EXPECT_TRUE(taken[0].place && taken[1].place && taken[2].place);
        EXPECT_FALSE(places.take(caller).place);
    }
    ProjectPlaces places(3, 1);
    auto caller = of("blue");
    caller.service = true;  // a user's request that came through Glance is the user's
    const auto taken = places.take(caller);
    EXPECT_FALSE(places.take(caller).place);
}

TEST(ProjectPlaces, a_place_may_outlive_them)
{
    ProjectPlaces::Place place;
    {
        ProjectPlaces places(1, 1);
        place = places.take(of("blue")).place;
    }
    place.reset();
}

}  // namespace
}  // namespace unikernel::api
