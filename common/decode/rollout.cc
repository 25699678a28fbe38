// SPDX-License-Identifier: Apache-2.0
#include "common/decode/rollout.hh"

#include "common/util/time.hh"

namespace unikernel
{

namespace
{

using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::size_t most_checks = 8;
constexpr std::size_t most_windows = 16;
constexpr std::int64_t most_servers = 1000;  ///< as canaries, and at once
constexpr seconds longest_pause = std::chrono::hours(24);
constexpr seconds longest_wait = std::chrono::hours(1);

const std::vector<std::string> day_names{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

std::uint16_t port(const Reader& reader)
{
    return static_cast<std::uint16_t>(reader.integer(1, 65'535));
}

std::string marker(const Reader& reader)
{
    std::string text = reader.text(256);
    if (text.empty() || text.find('\n') != std::string::npos) {
        reader.refuse("must be one line of text that is not empty");
    }
    return text;
}

HealthCheck check(const Reader& reader)
{
    reader.object({"http", "tcp", "console"});
    if (reader.json().size() != 1) {
        reader.refuse("must be exactly one of {http: {...}}, {tcp: {...}}, {console: {...}}");
    }
    HealthCheck result;
    if (const auto http = reader.find("http")) {
        http->object({"port", "path", "status"});
        result.kind = HealthCheck::Kind::http;
        if (const auto value = http->find("port")) {
            result.port = port(*value);
        }
        if (const auto value = http->find("path")) {
            result.path = value->matching("/[!-~]{0,1023}");
        }
        if (const auto value = http->find("status")) {
            result.status = static_cast<int>(value->integer(100, 599));
        }
        return result;
    }
    if (const auto tcp = reader.find("tcp")) {
        tcp->object({"port"});
        result.kind = HealthCheck::Kind::tcp;
        result.port = port(tcp->at("port"));
        return result;
    }
    const Reader console = reader.at("console");
    console.object({"marker"});
    result.marker = marker(console.at("marker"));
    return result;
}

minutes time_of_day(const Reader& reader)
{
    const std::string text = reader.matching("([01][0-9]|2[0-3]):[0-5][0-9]", 64);
    return std::chrono::hours(std::stoi(text.substr(0, 2))) + minutes(std::stoi(text.substr(3)));
}

MaintenanceWindow window(const Reader& reader)
{
    reader.object({"days", "from", "to"});
    MaintenanceWindow result;
    if (const auto days = reader.find("days")) {
        for (const Reader& day : days->items()) {
            result.days.insert(static_cast<unsigned>(day.one_of(day_names)));
        }
        if (result.days.empty()) {
            days->refuse("names no day; leave it out for every day");
        }
    }
    result.from = time_of_day(reader.at("from"));
    result.to = time_of_day(reader.at("to"));
    return result;
}

/// The items of a list that is not empty and no longer than this.
template <typename Item>
std::vector<Item> list(const Reader& reader, std::size_t most, const std::string& what,
                       Item (*read)(const Reader&))
{
    std::vector<Item> result;
    for (const Reader& item : reader.items()) {
        result.push_back(read(item));
        if (result.size() > most) {
            reader.refuse(std::to_string(reader.json().size()) + " " + what + " are over the maximum " +
                          std::to_string(most));
        }
    }
    if (result.empty()) {
        reader.refuse("has no " + what + "; leave it out");
    }
    return result;
}

}  // namespace

seconds read_duration(const Reader& reader, seconds minimum, seconds maximum)
{
    // A number without its unit is a likely slip, and YAML has it as a number.
    const bool bare = reader.json().is_number_integer();
    const Result<seconds> value = parse_duration(bare ? reader.json().dump() : reader.text(64));
    if (!value) {
        reader.refuse(value.error().message);
    }
    if (*value < minimum) {
        reader.refuse(to_text(*value) + " is under the minimum " + to_text(minimum));
    }
    if (*value > maximum) {
        reader.refuse(to_text(*value) + " is over the maximum " + to_text(maximum));
    }
    return *value;
}

RolloutRules read_rollout(const Reader& reader)
{
    reader.object({"canary", "parallel", "pause", "within", "health", "windows"});
    RolloutRules rules;
    if (const auto value = reader.find("canary")) {
        rules.canary = static_cast<unsigned>(value->integer(0, most_servers));
    }
    if (const auto value = reader.find("parallel")) {
        rules.parallel = static_cast<unsigned>(value->integer(1, most_servers));
    }
    if (const auto value = reader.find("pause")) {
        rules.pause = read_duration(*value, seconds(0), longest_pause);
    }
    if (const auto value = reader.find("within")) {
        rules.within = read_duration(*value, seconds(1), longest_wait);
    }
    if (const auto value = reader.find("health")) {
        rules.health = list(*value, most_checks, "checks", check);
    }
    if (const auto value = reader.find("windows")) {
        rules.windows.push_back(list(*value, most_windows, "windows", window));
    }
    return rules;
}

}  // namespace unikernel
