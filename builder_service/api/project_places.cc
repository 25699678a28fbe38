// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/project_places.hh"

namespace unikernel::api
{

ProjectPlaces::ProjectPlaces(std::size_t most_of_all, std::size_t most_of_a_project)
    : most_of_all_(most_of_all), most_of_a_project_(most_of_a_project)
{
}

ProjectPlaces::Taken ProjectPlaces::take(const Caller& caller)
{
    const bool bounded = !caller.project_id.empty() && !caller.has_role("service");
    const std::scoped_lock lock(state_->mutex);
    if (state_->all >= most_of_all_)
        return {};
    if (bounded && state_->of_projects[caller.project_id] >= most_of_a_project_)
        return {nullptr, true};
    ++state_->all;
    if (!bounded)
        return {Place(state_.get(), [state = state_](void*) {
            const std::scoped_lock freeing(state->mutex);
            --state->all;
        })};
    ++state_->of_projects[caller.project_id];
    return {Place(state_.get(), [state = state_, project = caller.project_id](void*) {
        const std::scoped_lock freeing(state->mutex);
        --state->all;
        const auto mine = state->of_projects.find(project);
        if (--mine->second == 0)
            state->of_projects.erase(mine);
    })};
}

}  // namespace unikernel::api
