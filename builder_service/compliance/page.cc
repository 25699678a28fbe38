// SPDX-License-Identifier: Apache-2.0
#include "builder_service/compliance/page.hh"

#include <algorithm>
#include <vector>

#include "builder_service/compliance/timeline.hh"

namespace unikernel
{

namespace
{

using nlohmann::json;

// Every pair of text and background has a contrast of at least 4.5 to 1 (WCAG 2.1, 1.4.3).
constexpr const char* style = R"(
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --faint: #57606a; --rule: #d0d7de;
  --good: #1a7f37; --bad: #b42318; --valid: #b6dfc0; }
@media (prefers-color-scheme: dark) { :root { --paper: #0d1117; --ink: #e6edf3; --faint: #9da7b3; --rule: #30363d;
  --good: #56d364; --bad: #ff8182; --valid: #1f4d2b; } }
body { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto;
  max-width: 80rem; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; color: var(--faint); padding-bottom: .5rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid var(--rule);
  overflow-wrap: anywhere; unicode-bidi: isolate; }
thead th { color: var(--faint); white-space: nowrap; }
time { white-space: nowrap; }
ul { margin: 0; padding: 0; list-style: none; }
.good { color: var(--good); fill: var(--good); }
.bad { color: var(--bad); fill: var(--bad); }
.verdict { font-size: 1.25rem; font-weight: 600; }
svg { width: 100%; height: auto; }
svg text { fill: var(--ink); font: 14px system-ui, sans-serif; unicode-bidi: isolate; }
svg .time { fill: var(--faint); font-size: 11px; }
svg .valid { fill: var(--valid); }
svg .tick { stroke: var(--rule); }
svg .now { stroke: var(--ink); stroke-dasharray: 4 3; }
footer { color: var(--faint); margin-top: 2rem; }
)";

std::string text_at(const json& object, const char* key)
{
    const auto found = object.find(key);
    return found == object.end() || found->is_null() ? ""
           : found->is_string()                      ? found->get<std::string>()
                                                     : found->dump();
}

std::string cell(const std::string& html)
{
    return "<td>" + html + "</td>";
}

std::string escaped_cell(const json& object, const char* key)
{
    const auto text = text_at(object, key);
    return cell(text.empty() ? "–" : html_escaped(text));
}

std::string time_cell(const json& object, const char* key)
{
    const auto text = text_at(object, key);
    return cell(text.empty() ? "–" : "<time>" + html_escaped(text) + "</time>");
}

/// A digest's first digits; the whole is in its title.
std::string digest_cell(const json& object, const char* key)
{
    constexpr std::size_t shown = 19;  // "sha256:" and twelve digits
    const auto digest = text_at(object, key);
    return cell("<code title=\"" + html_escaped(digest) + "\">" + html_escaped(digest.substr(0, shown)) +
                "</code>");
}

/// The word says it, the colour only repeats it.
std::string verdict(bool good, const char* yes, const char* no)
{
    return std::string("<strong class=\"") + (good ? "good\">✓ " : "bad\">✗ ") + (good ? yes : no) +
           "</strong>";
}

std::string head(const std::string& caption, const std::vector<const char*>& titles)
{
    std::string text = "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"" +
                       html_escaped(caption) + "\"><table><caption>" + html_escaped(caption) +
                       "</caption><thead><tr>";
    for (const char* title : titles)
        text += std::string("<th scope=\"col\">") + title + "</th>";
    return text + "</tr></thead>\n<tbody>\n";
}

constexpr const char* table_end = "</tbody></table></div>\n";

std::string requirements_list(const json& server)
{
    std::string text = "<ul>";
    for (const auto& each : server.value("requirements", json::array())) {
        const bool met = each.value("fulfilled", false);
        text +=
            "<li>" + html_escaped(text_at(each, "name") + ", revision " + text_at(each, "revision")) + ": ";
        if (met) {
            text += verdict(true, "met", "");
        } else {
            const auto old = text_at(each, "fulfilled_revision");
            text += verdict(false, "", "not met") +
                    (old.empty() ? "" : " (has revision " + html_escaped(old) + ")");
        }
        text += "</li>";
    }
    return text + "</ul>";
}

std::string server_row(const json& server)
{
    auto status = text_at(server, "status");
    if (server.value("pinned", false))
        status += ", pinned";
    return "<tr class=\"server\"><th scope=\"row\">" + html_escaped(text_at(server, "name")) + "</th>" +
           escaped_cell(server, "project") + cell(html_escaped(status)) +
           cell(server.value("known", true)
                    ? verdict(server.value("compliant", false), "in compliance", "out of compliance")
                    : "<strong class=\"bad\">? unknown</strong>") +
           escaped_cell(server, "reason") + escaped_cell(server, "since") +
           escaped_cell(server, "not_after") + cell(requirements_list(server)) +
           digest_cell(server, "image") + "</tr>\n";
}

std::string line_row(const json& line)
{
    return "<tr class=\"line\"><th scope=\"row\">" + html_escaped(text_at(line, "name")) + "</th>" +
           escaped_cell(line, "project") +
           cell(verdict(!line.value("outdated", false), "up to date", "outdated")) +
           escaped_cell(line, "reason") + time_cell(line, "not_after") + escaped_cell(line, "build") +
           "</tr>\n";
}

std::string summary(const json& report)
{
    const auto& servers = report.at("servers");
    const auto good = std::count_if(servers.begin(), servers.end(),
                                    [](const json& server) { return server.value("compliant", false); });
    const auto unknown = std::count_if(servers.begin(), servers.end(),
                                       [](const json& server) { return !server.value("known", true); });
    return std::to_string(good) + " of " + std::to_string(servers.size()) + " servers are in compliance" +
           (unknown == 0 ? "" : ", " + std::to_string(unknown) + " run an unknown image");
}

std::string body(const json& report)
{
    std::string text = "<h1>Compliance</h1>\n<p class=\"verdict\">" +
                       verdict(report.value("compliant", false), "Everything is in compliance",
                               "Something is out of compliance") +
                       "<br>" + summary(report) + ".</p>\n<h2>Servers</h2>\n";
    text += head("Servers that run images of this builder",
                 {"Server", "Project", "Status", "Compliance", "Reason", "Since", "Valid until",
                  "Requirements", "Image"});
    for (const auto& server : report.at("servers"))
        text += server_row(server);
    text += std::string(table_end) + "<h2>Timeline</h2>\n" + timeline_svg(report) + "<h2>Images</h2>\n";
    text += head("The newest image of each name",
                 {"Image", "Project", "State", "Reason", "Valid until", "Build"});
    for (const auto& line : report.at("lines"))
        text += line_row(line);
    return text + table_end;
}

}  // namespace

std::string html_escaped(const std::string& text)
{
    std::string safe;
    for (const char character : text) {
        switch (character) {
        case '&':
            safe += "&amp;";
            break;
        case '<':
            safe += "&lt;";
            break;
        case '>':
            safe += "&gt;";
            break;
        case '"':
            safe += "&quot;";
            break;
        case '\'':
            safe += "&#39;";
            break;
        default:
            if ((static_cast<unsigned char>(character) < 0x20 && character != '\n' && character != '\t') ||
                character == 0x7f)
                safe += "\xef\xbf\xbd";
            else
                safe += character;
        }
    }
    return safe;
}

std::string compliance_page(const json& given)
{
    // What came from outside may hold any bytes; a page is UTF-8.
    const auto report = json::parse(given.dump(-1, ' ', false, json::error_handler_t::replace));
    return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta http-equiv=\"Content-Security-Policy\" content=\"" +
           html_escaped(page_policy) +
           "\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
           "<link rel=\"icon\" href=\"data:,\">\n<title>Compliance: " +
           summary(report) + "</title>\n<style>" + style + "</style>\n</head>\n<body>\n<main>\n" +
           body(report) + "</main>\n<footer>Generated at " + html_escaped(text_at(report, "generated")) +
           " by unikernel-builder.</footer>\n</body>\n</html>\n";
}

}  // namespace unikernel
