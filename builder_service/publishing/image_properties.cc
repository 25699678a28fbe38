// SPDX-License-Identifier: Apache-2.0
#include "builder_service/publishing/image_properties.hh"

#include <utility>

namespace unikernel
{

namespace
{

using nlohmann::json;

constexpr std::size_t longest = 255;  // bytes

/// Platforms whose images the compute driver boots, with the trait of a host that does.
const std::map<std::string, std::string> platform_traits{{"u0", "CUSTOM_UNIKERNEL_U0"}};

json field(const json& description, const char* name)
{
    return description.is_object() ? description.value(name, json()) : json();
}

/// A text or a number as text; anything else is nothing.
std::string text_of(const json& value)
{
    if (value.is_string())
        return value.get<std::string>();
    return value.is_number() ? value.dump() : "";
}

std::string joined(const json& list)
{
    std::string text;
    for (const auto& item : list)
        if (const auto word = text_of(item.is_object() ? item.value("name", json()) : item); !word.empty())
            text += (text.empty() ? "" : ",") + word;
    return text;
}

bool has_module(const json& description, const std::string& name)
{
    for (const auto& module : field(description, "modules"))
        if (module.is_object() && module.value("name", json()) == name)
            return true;
    return false;
}

}  // namespace

std::map<std::string, std::string> image_properties(const json& description, const std::string& digest)
{
    const auto platform = text_of(field(description, "platform"));
    std::map<std::string, std::string> properties{
        {"unikernel_format", text_of(field(description, "format"))},
        {"unikernel_name", text_of(field(description, "name"))},
        {"unikernel_platform", platform},
        {"unikernel_digest", digest},
        {"unikernel_boot", joined(field(description, "boot"))},
        {"unikernel_command_line", text_of(field(description, "command_line"))},
        {"unikernel_devices", joined(field(description, "devices"))},
        {"unikernel_minimum_memory_mib", text_of(field(description, "minimum_memory_mib"))},
        {"unikernel_modules", joined(field(description, "modules"))},
        {"unikernel_configuration_digest", text_of(field(description, "configuration_digest"))},
        {"unikernel_plan_digest", text_of(field(description, "plan_digest"))},
        {"unikernel_not_after", text_of(field(description, "not_after"))},
        {"architecture", text_of(field(description, "architecture"))},
        {"os_distro", platform},
        {"os_shutdown_timeout", "0"},  // seconds; there is nothing to shut down
        {"hw_vif_model", "virtio"},
        {"hw_video_model", "none"},
        {"trait:CUSTOM_UNIKERNEL", "required"}};
    std::erase_if(properties, [](const auto& property) {
        return property.second.empty() || property.second.size() > longest;
    });
    if (properties.contains("unikernel_modules") && has_module(description, "virtio-rng"))
        properties["hw_rng_model"] = "virtio";
    if (const auto trait = platform_traits.find(platform); trait != platform_traits.end())
        properties["trait:" + trait->second] = "required";
    return properties;
}

std::uint64_t minimum_memory_mib(const json& description)
{
    const auto value = field(description, "minimum_memory_mib");
    return value.is_number_integer() && value >= 0 ? value.get<std::uint64_t>() : 0;
}

}  // namespace unikernel
