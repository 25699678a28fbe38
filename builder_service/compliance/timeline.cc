// SPDX-License-Identifier: Apache-2.0
#include "builder_service/compliance/timeline.hh"

#include <algorithm>
#include <chrono>
#include <optional>

#include "builder_service/compliance/page.hh"
#include "common/util/time.hh"

namespace unikernel
{

namespace
{

using nlohmann::json;
using Time = std::chrono::sys_seconds;

// In units of the picture, which is as wide as the page allows.
constexpr long long width = 1000, label_width = 240, row_height = 28, axis_height = 34, ticks = 4;
constexpr std::size_t label_characters = 26;

std::optional<Time> time_at(const json& object, const char* key)
{
    const auto text = object.find(key);
    if (text == object.end() || !text->is_string())
        return std::nullopt;
    const auto time = parse_rfc3339(text->get<std::string>());
    return time ? std::optional(*time) : std::nullopt;
}

/// At most `most` characters of UTF-8.
std::string shortened(const std::string& text, std::size_t most)
{
    std::size_t characters = 0;
    for (std::size_t i = 0; i < text.size(); ++i)
        if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80 && ++characters > most)
            return text.substr(0, i) + "…";
    return text;
}

std::string attribute(const char* name, long long value)
{
    return std::string(" ") + name + "=\"" + std::to_string(value) + "\"";
}

/// Begins with the first thing known, and shows as much of the future as a third of the past.
class Axis
{
public:
    explicit Axis(const json& report) : now_(time_at(report, "generated").value_or(Time{})), begin_(now_)
    {
        for (const auto& server : report.at("servers"))
            begin_ = std::min(begin_, time_at(server, "since").value_or(now_));
        begin_ = std::min(begin_, now_ - std::chrono::minutes(1));
        end_ = now_ + (now_ - begin_) / 3;
    }

    Time now() const { return now_; }
    long long at(Time time) const
    {
        const auto inside = std::clamp(time, begin_, end_);
        return label_width + (width - label_width) * (inside - begin_).count() / (end_ - begin_).count();
    }
    Time tick(long long n) const { return begin_ + (end_ - begin_) * n / ticks; }

private:
    Time now_, begin_, end_;
};

std::string bar(const char* kind, long long from, long long to, long long y)
{
    return std::string("<rect class=\"") + kind + "\"" + attribute("x", from) + attribute("y", y + 5) +
           attribute("width", std::max(to - from, 2LL)) + attribute("height", row_height - 10) +
           " rx=\"2\"/>";
}

std::string row(const json& server, const Axis& axis, long long y)
{
    const bool compliant = server.value("compliant", false);
    const auto since = time_at(server, "since");
    const auto end = time_at(server, "not_after");
    const auto name = server.value("name", "");
    const bool known = server.value("known", true);
    const std::string state = !known ? "unknown" : compliant ? "in compliance" : "out of compliance";
    std::string told = name + ": " + state + (since ? " since " + to_rfc3339(*since) : "");
    if (end)
        told += ", valid until " + to_rfc3339(*end);
    auto text = "<g class=\"server\"><title>" + html_escaped(told) + "</title>";
    text += "<text class=\"label\" x=\"0\"" + attribute("y", y + row_height / 2 + 5) + ">" +
            html_escaped(shortened(name, label_characters)) + "</text>";
    const auto from = axis.at(since.value_or(axis.now()));
    text += bar(compliant ? "good" : "bad", from, axis.at(axis.now()), y);
    if (end && *end > axis.now())
        text += bar("valid", axis.at(axis.now()), axis.at(*end), y);
    // The mark says it without colour.
    text += "<text class=\"mark\"" + attribute("x", std::max(from - 16, label_width - 16)) +
            attribute("y", y + row_height / 2 + 5) + ">" +
            (!known      ? "?"
             : compliant ? "✓"
                         : "✗") +
            "</text>";
    return text + "</g>\n";
}

std::string scale(const Axis& axis, long long height)
{
    std::string text;
    for (long long n = 0; n < ticks; ++n) {
        const auto time = axis.tick(n);
        text += "<line class=\"tick\"" + attribute("x1", axis.at(time)) + attribute("x2", axis.at(time)) +
                " y1=\"0\"" + attribute("y2", height) + "/><text class=\"time\"" +
                attribute("x", axis.at(time) + 3) + attribute("y", height + 16) + ">" + to_rfc3339(time) +
                "</text>";
    }
    text += "<line class=\"now\"" + attribute("x1", axis.at(axis.now())) +
            attribute("x2", axis.at(axis.now())) + " y1=\"0\"" + attribute("y2", height + 20) +
            "/><text class=\"time\"" + attribute("x", axis.at(axis.now()) + 3) + attribute("y", height + 30) +
            ">now</text>";
    return text + "\n";
}

}  // namespace

std::string timeline_svg(const json& report)
{
    const auto& servers = report.at("servers");
    const auto height = row_height * static_cast<long long>(servers.size());
    const Axis axis(report);
    auto text =
        "<svg role=\"img\" aria-labelledby=\"timeline-title timeline-desc\" viewBox=\"0 0 " +
        std::to_string(width) + " " + std::to_string(height + axis_height) +
        "\" xmlns=\"http://www.w3.org/2000/svg\">\n"
        "<title id=\"timeline-title\">Since when servers are in or out of compliance</title>\n"
        "<desc id=\"timeline-desc\">A bar for each server of the table above, from the time in its column "
        "Since to now; a lighter one from now to the end of its image's validity.</desc>\n";
    text += scale(axis, height);
    long long y = 0;
    for (const auto& server : servers) {
        text += row(server, axis, y);
        y += row_height;
    }
    return text + "</svg>\n";
}

}  // namespace unikernel
