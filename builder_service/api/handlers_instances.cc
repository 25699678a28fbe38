// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include "builder_service/api/errors.hh"
#include "builder_service/api/handlers.hh"
#include "builder_service/api/limits.hh"
#include "builder_service/api/paging.hh"
#include "builder_service/instances/instance_service.hh"
#include "common/decode/reader.hh"

namespace unikernel::api
{

namespace
{

constexpr std::int64_t memory_most_mib = 1 << 20;
constexpr std::size_t forwards_most = 16;
constexpr std::size_t arguments_most = 64;

PortForward forward_of(const Reader& reader)
{
    reader.object({"host_address", "host_port", "guest_port"});
    PortForward forward;
    if (const auto address = reader.find("host_address"))
        forward.host_address = address->text(64);
    if (const auto port = reader.find("host_port"))
        forward.host_port = static_cast<std::uint16_t>(port->integer(0, 65535));
    forward.guest_port = static_cast<std::uint16_t>(reader.at("guest_port").integer(1, 65535));
    return forward;
}

Result<Instance> instance_of(const nlohmann::json& body)
{
    return reading([&] {
        const Reader reader(body, "body");
        reader.object(
            {"name", "image", "memory_mib", "machine", "forwards", "arguments", "pinned", "outbound"});
        Instance instance;
        instance.name = reader.at("name").matching(instance_name_expression, 48);
        instance.image = reader.at("image").text(128);
        if (const auto memory = reader.find("memory_mib"))
            instance.memory_mib = static_cast<std::uint32_t>(memory->integer(0, memory_most_mib));
        if (const auto machine = reader.find("machine"))
            instance.machine = std::vector<std::string>{"pc", "q35"}.at(machine->one_of({"pc", "q35"}));
        if (const auto forwards = reader.find("forwards")) {
            for (const auto& each : forwards->items())
                instance.forwards.push_back(forward_of(each));
            if (instance.forwards.size() > forwards_most)
                forwards->refuse("are " + std::to_string(instance.forwards.size()) + ", more than " +
                                 std::to_string(forwards_most));
        }
        if (const auto arguments = reader.find("arguments"))
            instance.arguments = arguments->texts(arguments_most);
        if (const auto pinned = reader.find("pinned"))
            instance.pinned = pinned->boolean();
        if (const auto outbound = reader.find("outbound"))
            instance.outbound = outbound->boolean();
        return instance;
    });
}

struct Change {
    std::optional<bool> pinned;
    std::optional<std::string> image;
};

Result<Change> change_of(const nlohmann::json& body)
{
    return reading([&] {
        const Reader reader(body, "body");
        reader.object({"pinned", "image"});
        Change change;
        if (const auto pinned = reader.find("pinned"))
            change.pinned = pinned->boolean();
        if (const auto image = reader.find("image"))
            change.image = image->text(128);
        if (!change.pinned && !change.image)
            reader.refuse("must have pinned, image or both");
        return change;
    });
}

nlohmann::json to_json(const InstanceView& view)
{
    const auto& instance = view.instance;
    auto forwards = nlohmann::json::array();
    for (const auto& forward : instance.forwards)
        forwards.push_back({{"host_address", forward.host_address},
                            {"host_port", forward.host_port},
                            {"guest_port", forward.guest_port}});
    return {{"id", instance.id},
            {"name", instance.name},
            {"image", instance.image},
            {"status", view.status},
            {"fault", view.fault},
            {"pinned", instance.pinned},
            {"memory_mib", view.memory_mib},
            {"machine", instance.machine},
            {"forwards", forwards},
            {"arguments", instance.arguments},
            {"outbound", instance.outbound},
            {"accelerator", view.accelerator},
            {"created", instance.created},
            {"updated", instance.updated}};
}

Response answer(int status, const Result<InstanceView>& view)
{
    return view ? json_response(status, to_json(*view)) : error(view.error(), "instance");
}

/// Refuses where servers are Nova's. The alternative is the refusal.
tl::expected<InstanceService*, Response> instances_of(const Context& context)
{
    if (context.instances == nullptr)
        return tl::unexpected(error(
            404, "instances.elsewhere",
            "this service is part of a cloud, or shares its database, and runs no instances of its own; "
            "Nova does: openstack server create --image IMAGE ..."));
    return context.instances;
}

}  // namespace

Response list_instances(Context& context, const Request&)
{
    const auto instances = instances_of(context);
    if (!instances)
        return instances.error();
    const auto all = (*instances)->list();
    if (!all)
        return error(all.error(), "instances");
    auto list = nlohmann::json::array();
    for (const auto& view : *all)
        list.push_back(to_json(view));
    return json_response(200, {{"instances", list}, {"links", nlohmann::json::array()}});
}

Response post_instance(Context& context, const Request& request)
{
    const auto instances = instances_of(context);
    if (!instances)
        return instances.error();
    const auto body = json_body(request);
    if (!body)
        return error(body.error(), "body");
    auto wanted = instance_of(*body);
    if (!wanted)
        return error(wanted.error(), "instance");
    if (const auto space = context.artifacts.check_space(); !space)
        return error(space.error(), "instance");
    auto response = answer(201, (*instances)->create(*wanted));
    if (response.status == 201)
        response.headers["Location"] = "/v1/instances/" + wanted->name;
    return response;
}

Response get_instance(Context& context, const Request& request)
{
    const auto instances = instances_of(context);
    return instances ? answer(200, (*instances)->find(request.parameters.at(0))) : instances.error();
}

Response put_instance(Context& context, const Request& request)
{
    const auto instances = instances_of(context);
    if (!instances)
        return instances.error();
    const auto body = json_body(request);
    if (!body)
        return error(body.error(), "body");
    const auto change = change_of(*body);
    if (!change)
        return error(change.error(), "instance");
    const auto& name = request.parameters.at(0);
    // Unpinned, replaced, pinned: so one request can do it.
    auto view = (*instances)->find(name);
    if (view && change->pinned == false)
        view = (*instances)->pin(name, false);
    if (view && change->image)
        view = (*instances)->replace(name, *change->image, {});
    if (view && change->pinned == true)
        view = (*instances)->pin(name, true);
    return answer(200, view);
}

Response delete_instance(Context& context, const Request& request)
{
    const auto instances = instances_of(context);
    if (!instances)
        return instances.error();
    const auto now = flag_of(request, "now");
    if (!now)
        return error(now.error(), "query");
    const auto removed = (*instances)->remove(request.parameters.at(0), *now);
    return removed ? Response{204, {}, ""} : error(removed.error(), "instance");
}

Response get_instance_console(Context& context, const Request& request)
{
    const auto instances = instances_of(context);
    if (!instances)
        return instances.error();
    const auto view = (*instances)->find(request.parameters.at(0));
    if (!view)
        return error(view.error(), "instance");
    const Headers headers = {{"Content-Type", "text/plain"}, {"X-Content-Type-Options", "nosniff"}};
    std::error_code code;
    const auto bytes = std::filesystem::file_size(view->console, code);
    if (code || bytes == 0)
        return {200, headers, ""};
    const auto shown = std::min<std::uint64_t>(bytes, limits::console_bytes);
    return {200, headers, FileRange{view->console, bytes - shown, shown}};
}

}  // namespace unikernel::api
