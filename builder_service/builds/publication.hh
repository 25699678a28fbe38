// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace unikernel
{

/// How far the image of a build has come in Glance.
enum class PublishState {
    pending,     ///< nothing was done yet
    publishing,  ///< from before the first request that may leave something in Glance
    active,      ///< it is there, complete
    removing,    ///< the build ended without success; what may be in Glance is taken away
    failed       ///< nothing of it is in Glance
};
std::string_view to_string(PublishState state);
std::optional<PublishState> publish_state(std::string_view text);

/// A Glance image that a build is to make.
struct Publication {
    std::string name;
    std::string visibility = "private";  ///< or "shared"
    std::string image_id;                ///< UUID, chosen before anything is asked of Glance
    bool id_given = false;               ///< by the user, who wants this one and no other
    PublishState state = PublishState::pending;
};

/// As in a build's JSON.
nlohmann::json to_json(const Publication& publication);

/// Everything but the state, as it is stored.
nlohmann::json stored_form(const Publication& publication);
/// From `stored_form`; nothing if the text is empty.
std::optional<Publication> stored_publication(const std::string& text, std::string_view state);

}  // namespace unikernel
