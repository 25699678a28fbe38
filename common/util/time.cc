// SPDX-License-Identifier: Apache-2.0
#include "common/util/time.hh"

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <utility>

namespace unikernel
{

using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;

namespace
{

constexpr std::pair<char, seconds> units[]{{'d', std::chrono::days(1)},
                                           {'h', std::chrono::hours(1)},
                                           {'m', std::chrono::minutes(1)},
                                           {'s', seconds(1)}};
constexpr seconds longest = std::chrono::days(3650);

/// Takes fields off the front of a text; the first that is not there makes all of it wrong.
class Fields
{
public:
    explicit Fields(std::string_view text) : rest_(text) {}

    int number(std::size_t digits, int most)
    {
        int value = 0;
        if (rest_.substr(0, digits).find_first_not_of("0123456789") != std::string_view::npos ||
            rest_.size() < digits) {
            good_ = false;
            return 0;
        }
        std::from_chars(rest_.data(), rest_.data() + digits, value);
        good_ = good_ && value <= most;
        rest_.remove_prefix(digits);
        return value;
    }
    bool maybe(char c)
    {
        const bool there = rest_.starts_with(c);
        rest_.remove_prefix(there ? 1 : 0);
        return there;
    }
    void exactly(char c) { good_ = maybe(c) && good_; }
    void some_digits()
    {
        const std::size_t end = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
        good_ = good_ && end > 0;
        rest_.remove_prefix(end);
    }
    bool good() const { return good_; }
    bool at_end() const { return rest_.empty(); }

private:
    std::string_view rest_;
    bool good_ = true;
};

seconds zone(Fields& fields)
{
    if (fields.maybe('Z')) {
        return seconds(0);
    }
    const bool west = fields.maybe('-');
    if (!west) {
        fields.exactly('+');
    }
    const std::chrono::hours hours(fields.number(2, 23));
    fields.exactly(':');
    const seconds offset = hours + std::chrono::minutes(fields.number(2, 59));
    return west ? -offset : offset;
}

}  // namespace

Result<sys_seconds> parse_rfc3339(std::string_view text)
{
    Fields fields(text);
    const std::chrono::year year(fields.number(4, 9999));
    fields.exactly('-');
    const std::chrono::month month(static_cast<unsigned>(fields.number(2, 12)));
    fields.exactly('-');
    const std::chrono::day day(static_cast<unsigned>(fields.number(2, 31)));
    fields.exactly('T');
    seconds of_day = std::chrono::hours(fields.number(2, 23));
    fields.exactly(':');
    of_day += std::chrono::minutes(fields.number(2, 59));
    fields.exactly(':');
    of_day += seconds(fields.number(2, 60));  // 60: a leap second, by RFC 3339
    if (fields.maybe('.')) {
        fields.some_digits();
    }
    const seconds offset = zone(fields);
    const std::chrono::year_month_day date(year, month, day);
    if (!fields.good() || !fields.at_end() || !date.ok()) {
        return fail(FailureKind::invalid, "\"" + std::string(text.substr(0, 64)) +
                                              "\" is no time; write it as 2026-12-01T00:00:00Z (RFC 3339)");
    }
    return sys_days(date) + of_day - offset;
}

std::string to_rfc3339(sys_seconds time)
{
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss of_day(time - day);
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(of_day.hours().count()), static_cast<int>(of_day.minutes().count()),
                  static_cast<int>(of_day.seconds().count()));
    return text;
}

Result<seconds> parse_duration(std::string_view text)
{
    const std::string quoted = "\"" + std::string(text.substr(0, 64)) + "\"";
    const std::size_t digits = text.find_first_not_of("0123456789");
    for (const auto& [letter, unit] : units) {
        if (digits == std::string_view::npos || digits == 0 ||
            text.substr(digits) != std::string_view(&letter, 1)) {
            continue;
        }
        std::int64_t count = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + digits, count);
        if (error != std::errc() || count > longest / unit) {
            return fail(FailureKind::invalid, quoted + " is over the maximum " + to_text(longest));
        }
        return count * unit;
    }
    return fail(FailureKind::invalid,
                quoted + " is no duration; write a whole number and s, m, h or d, such as 30d");
}

std::string to_text(seconds duration)
{
    for (const auto& [letter, unit] : units) {
        if (duration % unit == seconds(0) && duration != seconds(0)) {
            return std::to_string(duration / unit) + letter;
        }
    }
    return "0s";
}

}  // namespace unikernel
