// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/openstack_settings.hh"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>

#include "builder_service/repositories/repository_settings.hh"
#include "common/util/nearest.hh"

namespace unikernel::api
{

namespace
{

/// What is wrong with a value, or nothing.
using Wrong = std::optional<std::string>;
using Take = std::function<Wrong(const std::string& value)>;
using Keys = std::map<std::string, Take>;

Take text(std::string& target)
{
    return [&target](const std::string& value) -> Wrong {
        target = value;
        return std::nullopt;
    };
}

Take one_of(std::string& target, std::vector<std::string> words)
{
    return [&target, words = std::move(words)](const std::string& value) -> Wrong {
        if (std::find(words.begin(), words.end(), value) == words.end()) {
            std::string all;
            for (const auto& word : words)
                all += (all.empty() ? "" : ", ") + word;
            return "'" + value + "' is none of " + all;
        }
        target = value;
        return std::nullopt;
    };
}

Take boolean(bool& target)
{
    return [&target](const std::string& value) -> Wrong {
        std::string lower = value;
        std::transform(lower.begin(), lower.end(), lower.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        target = lower == "true" || lower == "yes" || lower == "on" || lower == "1";
        if (target || lower == "false" || lower == "no" || lower == "off" || lower == "0")
            return std::nullopt;
        return "'" + value + "' is neither true nor false";
    };
}

template <typename Set>
Take number(std::int64_t least, std::int64_t most, Set set)
{
    return [least, most, set](const std::string& value) -> Wrong {
        std::int64_t read = 0;
        const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), read);
        if (code != std::errc{} || end != value.data() + value.size() || read < least || read > most)
            return "'" + value + "' is no number from " + std::to_string(least) + " to " +
                   std::to_string(most);
        set(read);
        return std::nullopt;
    };
}

Take list(std::vector<std::string>& target)
{
    return [&target](const std::string& value) -> Wrong {
        target.clear();
        for (std::size_t at = 0; at <= value.size();) {
            const auto end = std::min(value.find(',', at), value.size());
            auto item = value.substr(at, end - at);
            item.erase(0, std::min(item.find_first_not_of(' '), item.size()));
            item.erase(item.find_last_not_of(' ') + 1);
            if (!item.empty())
                target.push_back(item);
            at = end + 1;
        }
        return target.empty() ? Wrong("is empty") : std::nullopt;
    };
}

Take networks(Networks& target)
{
    return [&target](const std::string& value) -> Wrong {
        auto read = Networks::parse(value);
        if (!read)
            return read.error().message;
        target = std::move(*read);
        return std::nullopt;
    };
}

/// Known to keystonemiddleware, and of no effect here.
constexpr const char* without_effect[] = {
    "auth_section",
    "auth_version",
    "cache",
    "certfile",
    "delay_auth_decision",
    "enforce_token_bind",
    "identity_uri",
    "include_service_catalog",
    "keyfile",
    "memcache_pool_conn_get_timeout",
    "memcache_pool_dead_retry",
    "memcache_pool_maxsize",
    "memcache_pool_socket_timeout",
    "memcache_pool_unused_timeout",
    "memcache_secret_key",
    "memcache_security_strategy",
    "memcache_use_advanced_pool",
    "memcached_servers",
    "service_token_roles_required",
    "signing_dir",
};

Keys authentication_keys(OpenStackSettings& settings, std::string& region, std::string& unused)
{
    auto& account = settings.account;
    auto& tokens = settings.authentication;
    Keys keys = {
        {"auth_type", one_of(unused, {"password", "v3password"})},
        {"auth_url", text(account.auth_url)},
        {"username", text(account.user.name)},
        {"user_id", text(account.user.id)},
        {"password", text(account.password)},
        {"user_domain_name", text(account.user_domain.name)},
        {"user_domain_id", text(account.user_domain.id)},
        {"project_name", text(account.project.name)},
        {"project_id", text(account.project.id)},
        {"project_domain_name", text(account.project_domain.name)},
        {"project_domain_id", text(account.project_domain.id)},
        {"insecure", boolean(account.insecure)},
        {"region_name", text(region)},
        {"interface", one_of(unused, {"public", "internal", "admin"})},
        {"www_authenticate_uri", text(tokens.www_authenticate_uri)},
        {"service_type", text(tokens.service_type)},
        {"service_token_roles", list(tokens.service_token_roles)},
    };
    keys["cafile"] = [&account](const std::string& value) -> Wrong {
        account.cafile = value;
        return std::nullopt;
    };
    keys["http_connect_timeout"] =
        number(1, 600, [&account](std::int64_t value) { account.silence = std::chrono::seconds(value); });
    keys["http_request_max_retries"] =
        number(0, 20, [&account](std::int64_t value) { account.retries = static_cast<unsigned>(value); });
    keys["token_cache_time"] = number(
        -1, 86'400, [&tokens](std::int64_t value) { tokens.cache_time = std::chrono::seconds(value); });
    for (const char* key : without_effect)
        keys[key] = [&settings, key](const std::string&) -> Wrong {
            settings.notices.push_back("[keystone_authtoken] " + std::string(key) + " has no effect here");
            return std::nullopt;
        };
    return keys;
}

Keys glance_keys(OpenStackSettings::Glance& glance)
{
    return {{"publish", boolean(glance.publish)},
            {"endpoint_override", text(glance.endpoint_override)},
            {"region_name", text(glance.region_name)},
            {"interface", one_of(glance.interface, {"public", "internal", "admin"})},
            {"project_storage", number(0, 1 << 30,
                                       [&glance](std::int64_t mebibytes) {
                                           glance.project_bytes = static_cast<std::uint64_t>(mebibytes) << 20;
                                       })},
            {"attempts", number(1, 100, [&glance](std::int64_t value) {
                 glance.attempts = static_cast<unsigned>(value);
             })}};
}

Keys nova_keys(OpenStackSettings::Nova& nova)
{
    return {{"endpoint_override", text(nova.endpoint_override)},
            {"region_name", text(nova.region_name)},
            {"interface", one_of(nova.interface, {"public", "internal", "admin"})}};
}

Keys reconcile_keys(ReconcileKeys& reconcile)
{
    return {{"enabled", boolean(reconcile.enabled)},
            {"probe_networks", networks(reconcile.probe_networks)},
            {"interval",
             number(1, 3600, [&](std::int64_t value) { reconcile.interval = std::chrono::seconds(value); })},
            {"lease",
             number(5, 3600, [&](std::int64_t value) { reconcile.lease = std::chrono::seconds(value); })},
            {"builds",
             number(1, 256, [&](std::int64_t value) { reconcile.builds = static_cast<unsigned>(value); })}};
}

Keys database_keys(DatabaseKeys& database)
{
    Keys keys = {{"connection", text(database.connection)}};
    keys["password_file"] = [&database](const std::string& value) -> Wrong {
        database.password_file = value;
        return std::nullopt;
    };
    return keys;
}

template <typename Value>
std::vector<std::string> names(const std::map<std::string, Value>& map)
{
    std::vector<std::string> all;
    all.reserve(map.size());
    for (const auto& [name, value] : map)
        all.push_back(name);
    return all;
}

/// It stands within quotes in an answer's header.
bool is_quotable(const std::string& uri)
{
    return std::all_of(uri.begin(), uri.end(),
                       [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

}  // namespace

Result<OpenStackSettings> openstack_settings(const SettingsFile& file, ReconcileKeys& reconcile,
                                             DatabaseKeys& database)
{
    OpenStackSettings settings;
    std::string region;
    std::string unused;
    const std::map<std::string, Keys> sections = {
        {"keystone_authtoken", authentication_keys(settings, region, unused)},
        {"glance", glance_keys(settings.glance)},
        {"nova", nova_keys(settings.nova)},
        {"reconcile", reconcile_keys(reconcile)},
        {"database", database_keys(database)},
    };
    for (const auto& [section, entries] : file.sections) {
        if (section.empty() || is_repository_section(section))
            continue;
        const auto known = sections.find(section);
        if (known == sections.end())
            return fail(FailureKind::invalid, file.file.string() + ": unknown section [" + section + "]" +
                                                  did_you_mean(section, names(sections)));
        for (const auto& entry : entries) {
            const auto take = known->second.find(entry.key);
            if (take == known->second.end())
                return fail(FailureKind::invalid, file.place(entry.line) + "unknown key '" + entry.key +
                                                      "' in [" + section + "]" +
                                                      did_you_mean(entry.key, names(known->second)));
            if (const auto wrong = take->second(entry.value))
                return fail(FailureKind::invalid, file.place(entry.line) + entry.key + ": " + *wrong);
        }
    }
    auto& uri = settings.authentication.www_authenticate_uri;
    if (uri.empty())
        uri = settings.account.auth_url;
    if (!is_quotable(uri))
        return fail(FailureKind::invalid, file.file.string() + ": www_authenticate_uri: '" + uri +
                                              "' holds a byte that no URI holds");
    if (settings.glance.region_name.empty())
        settings.glance.region_name = region;
    if (settings.nova.region_name.empty())
        settings.nova.region_name = region;
    return settings;
}

}  // namespace unikernel::api
