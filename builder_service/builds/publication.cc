// SPDX-License-Identifier: Apache-2.0
#include "builder_service/builds/publication.hh"

#include <algorithm>
#include <array>

namespace unikernel
{

namespace
{
constexpr std::array<std::string_view, 5> states{"pending", "publishing", "active", "removing", "failed"};
}

std::string_view to_string(PublishState state)
{
    return states[static_cast<std::size_t>(state)];
}

std::optional<PublishState> publish_state(std::string_view text)
{
    const auto* found = std::find(states.begin(), states.end(), text);
    return found == states.end() ? std::nullopt
                                 : std::optional(static_cast<PublishState>(found - states.begin()));
}

nlohmann::json to_json(const Publication& publication)
{
    return {{"name", publication.name},
            {"image_id", publication.image_id},
            {"visibility", publication.visibility},
            {"state", to_string(publication.state)}};
}

nlohmann::json stored_form(const Publication& publication)
{
    return {{"name", publication.name},
            {"image_id", publication.image_id},
            {"visibility", publication.visibility},
            {"id_given", publication.id_given}};
}

std::optional<Publication> stored_publication(const std::string& text, std::string_view state)
{
    const auto stored = nlohmann::json::parse(text, nullptr, false);
    if (!stored.is_object())
        return std::nullopt;
    return Publication{.name = stored.value("name", ""),
                       .visibility = stored.value("visibility", "private"),
                       .image_id = stored.value("image_id", ""),
                       .id_given = stored.value("id_given", false),
                       .state = publish_state(state).value_or(PublishState::failed)};
}

}  // namespace unikernel
