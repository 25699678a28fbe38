// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/errors.hh"
#include "builder_service/api/handlers.hh"
#include "builder_service/api/paging.hh"
#include "common/decode/reader.hh"

namespace unikernel::api
{

namespace
{

/// ?state=
Result<std::optional<RolloutState>> state_of(const Request& request)
{
    const auto given = request.query.find("state");
    if (given == request.query.end())
        return std::nullopt;
    if (const auto state = rollout_state(given->second))
        return state;
    return fail(
        FailureKind::invalid,
        "state: '" + given->second +
            "' is none of building, replacing, waiting, paused, succeeded, failed, aborted, superseded");
}

/// {"pause":null}, {"resume":null} or {"abort":null}
Result<Order> order_of(const nlohmann::json& body)
{
    return reading([&] {
        const Reader reader(body, "body");
        reader.object({"pause", "resume", "abort"});
        if (body.size() != 1)
            reader.refuse("must hold one of pause, resume, abort");
        if (!body.begin()->is_null())
            reader.at(body.begin().key()).refuse("must be null");
        if (body.contains("pause"))
            return Order::pause;
        return body.contains("abort") ? Order::abort : Order::none;
    });
}

/// Who may change a requirement may say what becomes of the rollout that brings it.
Response not_the_projects(const Rollout& rollout, const nlohmann::json& requirement)
{
    const bool of_a_domain = !requirement.value("domain", nlohmann::json()).is_null();
    return error(403, "policy.forbidden",
                 "rollout " + rollout.id + " brings requirement " + requirement.value("requirement", "") +
                     ", which is " + (of_a_domain ? "its domain's" : "global") +
                     ": only administrators may pause, resume or abort it");
}

}  // namespace

Response list_rollouts(Context& context, const Request& request)
{
    const auto page = page_of(request);
    if (!page)
        return page.error();
    const auto state = state_of(request);
    if (!state)
        return error(state.error(), "query");
    if (!page->marker.empty())
        if (const auto known = context.rollouts.find(page->marker, page->scope); !known || !*known)
            return error(400, "query.invalid",
                         "marker: no rollout " + page->marker.substr(0, 80) + " is known here");
    const auto found = context.rollouts.list(page->scope, *state, page->marker, page->limit + 1);
    if (!found)
        return error(found.error(), "rollouts");
    nlohmann::json::array_t list;
    for (const auto& each : *found)
        list.push_back(to_json(each));
    auto answer = paged(request, *page, "rollouts", std::move(list), "id", public_base(context, request));
    if (*state)
        for (auto& link : answer["links"])
            link["href"] = link["href"].get<std::string>() + "&state=" + std::string(to_string(**state));
    return json_response(200, answer);
}

Response get_rollout(Context& context, const Request& request)
{
    const auto& id = request.parameters.at(0);
    const auto found = context.rollouts.find(id, scope_of(request));
    if (!found)
        return error(found.error(), "rollout");
    if (!*found)
        return error(404, "rollout.not-found", "no rollout " + id.substr(0, 80) + " is known here");
    return json_response(200, to_json(**found));
}

Response act_on_rollout(Context& context, const Request& request)
{
    const auto body = json_body(request);
    if (!body)
        return error(body.error(), "body");
    const auto order = order_of(*body);
    if (!order)
        return error(order.error(), "action");
    const auto found = context.rollouts.find(request.parameters.at(0), scope_of(request));
    if (!found)
        return error(found.error(), "rollout");
    if (*found && !request.caller.admin)
        if (const auto* requirement = imposed(**found))
            return not_the_projects(**found, *requirement);
    const auto given = context.rollouts.give_order(request.parameters.at(0), scope_of(request), *order);
    if (!given)
        return error(given.error(), "rollout");
    if (context.wake_loop)
        context.wake_loop();
    return json_response(202, to_json(*given));
}

}  // namespace unikernel::api
