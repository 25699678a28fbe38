// SPDX-License-Identifier: Apache-2.0
#include "builder_service/instances/instance_repository.hh"

#include "builder_service/database/timestamp.hh"

namespace unikernel
{

namespace
{

using nlohmann::json;
using soci::into;
using soci::use;

constexpr const char* select_instance =
    "SELECT id, name, image, settings, pinned, boots, created, updated FROM instances ";

/// What is never asked for by itself is stored as one document.
json settings_of(const Instance& instance)
{
    auto forwards = json::array();
    for (const auto& forward : instance.forwards)
        forwards.push_back({{"host_address", forward.host_address},
                            {"host_port", forward.host_port},
                            {"guest_port", forward.guest_port}});
    return {{"memory_mib", instance.memory_mib},
            {"machine", instance.machine},
            {"forwards", forwards},
            {"arguments", instance.arguments},
            {"outbound", instance.outbound}};
}

void take_settings(Instance& instance, const json& settings)
{
    instance.memory_mib = settings.at("memory_mib").get<std::uint32_t>();
    instance.machine = settings.at("machine").get<std::string>();
    instance.arguments = settings.at("arguments").get<std::vector<std::string>>();
    instance.outbound = settings.at("outbound").get<bool>();
    for (const auto& forward : settings.at("forwards"))
        instance.forwards.push_back({forward.at("host_address").get<std::string>(),
                                     forward.at("host_port").get<std::uint16_t>(),
                                     forward.at("guest_port").get<std::uint16_t>()});
}

/// `prepared` is a select_instance with its parameters bound.
std::vector<Instance> fetch(soci::details::prepare_temp_type prepared)
{
    Instance row;
    std::string settings;
    int pinned = 0;
    long long boots = 0;
    soci::statement statement = (prepared, into(row.id), into(row.name), into(row.image), into(settings),
                                 into(pinned), into(boots), into(row.created), into(row.updated));
    std::vector<Instance> found;
    statement.execute();
    while (statement.fetch()) {
        auto instance = row;
        instance.pinned = pinned != 0;
        instance.boots = boots;
        take_settings(instance, json::parse(settings));
        found.push_back(std::move(instance));
    }
    return found;
}

std::optional<Instance> first(std::vector<Instance> found)
{
    return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

}  // namespace

Result<void> InstanceRepository::insert(Instance& instance, std::size_t most)
{
    const auto refused = database_.transact(true, [&](soci::session& sql) -> std::string {
        long long same = 0;
        long long all = 0;
        sql << "SELECT COUNT(*), COALESCE(SUM(name = :name), 0) FROM instances", use(instance.name),
            into(all), into(same);
        if (same > 0)
            return "an instance " + instance.name +
                   " exists already; choose another name, or delete it first";
        if (static_cast<std::size_t>(all) >= most)
            return "there are " + std::to_string(all) + " instances, and more than " + std::to_string(most) +
                   " the service does not run; delete one first";
        const auto settings = settings_of(instance).dump();
        const int pinned = instance.pinned ? 1 : 0;
        const long long boots = instance.boots;
        instance.created = instance.updated = timestamp();
        sql << "INSERT INTO instances (id, name, image, settings, pinned, boots, created, updated)"
               " VALUES (:id, :name, :image, :settings, :pinned, :boots, :created, :updated)",
            use(instance.id), use(instance.name), use(instance.image), use(settings), use(pinned), use(boots),
            use(instance.created), use(instance.updated);
        return {};
    });
    if (!refused)
        return tl::unexpected(refused.error());
    return refused->empty() ? Result<void>{} : fail(FailureKind::conflict, *refused);
}

Result<void> InstanceRepository::update(Instance& instance)
{
    return database_.transact(true, [&](soci::session& sql) {
        const auto settings = settings_of(instance).dump();
        const int pinned = instance.pinned ? 1 : 0;
        const long long boots = instance.boots;
        instance.updated = timestamp();
        sql << "UPDATE instances SET image = :image, settings = :settings, pinned = :pinned, boots = :boots,"
               " updated = :updated WHERE id = :id",
            use(instance.image), use(settings), use(pinned), use(boots), use(instance.updated),
            use(instance.id);
    });
}

Result<void> InstanceRepository::update_boots(const Instance& instance)
{
    return database_.transact(false, [&](soci::session& sql) {
        const long long boots = instance.boots;
        sql << "UPDATE instances SET boots = :boots WHERE id = :id", use(boots), use(instance.id);
    });
}

Result<void> InstanceRepository::remove(const std::string& id)
{
    return database_.transact(
        true, [&](soci::session& sql) { sql << "DELETE FROM instances WHERE id = :id", use(id); });
}

Result<std::optional<Instance>> InstanceRepository::find(const std::string& name)
{
    return database_.transact(false, [&](soci::session& sql) {
        return first(fetch((sql.prepare << select_instance << "WHERE name = :name", use(name))));
    });
}

Result<std::optional<Instance>> InstanceRepository::find_by_id(const std::string& id)
{
    return database_.transact(false, [&](soci::session& sql) {
        return first(fetch((sql.prepare << select_instance << "WHERE id = :id", use(id))));
    });
}

Result<std::vector<Instance>> InstanceRepository::list()
{
    return database_.transact(false, [&](soci::session& sql) {
        return fetch((sql.prepare << select_instance << "ORDER BY name"));
    });
}

}  // namespace unikernel
