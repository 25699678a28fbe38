// SPDX-License-Identifier: Apache-2.0
#include "naive_server.hh"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <sstream>
#include <vector>

namespace
{

std::string lower(std::string text)
{
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

std::string percent_decoded(const std::string& text)
{
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() &&
            std::isxdigit(static_cast<unsigned char>(text[i + 1])) != 0 &&
            std::isxdigit(static_cast<unsigned char>(text[i + 2])) != 0) {
            out += static_cast<char>(std::strtol(text.substr(i + 1, 2).c_str(), nullptr, 16));
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

std::vector<std::string> segments(const std::string& path)
{
    std::vector<std::string> list;
    std::istringstream stream(path);
    for (std::string part; std::getline(stream, part, '/');) {
        if (part == "..") {
            if (!list.empty())
                list.pop_back();
        } else if (!part.empty() && part != ".") {
            list.push_back(part);
        }
    }
    return list;
}

std::string field(const std::string& head, const std::string& name)
{
    const std::size_t at = lower(head).find("\r\n" + name + ":");
    if (at == std::string::npos)
        return "";
    const std::size_t begin = at + name.size() + 3;
    std::string value = head.substr(begin, head.find("\r\n", begin) - begin);
    value.erase(0, value.find_first_not_of(" \t"));
    return value;
}

/// Where the content that begins at `at` ends, or npos when it is not all there.
std::size_t body_end(const std::string& input, std::size_t at, const std::string& head)
{
    if (field(head, "transfer-encoding").empty()) {
        const std::size_t end = at + std::strtoull(field(head, "content-length").c_str(), nullptr, 10);
        return end <= input.size() ? end : std::string::npos;
    }
    for (;;) {
        const std::size_t line = input.find("\r\n", at);
        if (line == std::string::npos)
            return line;
        const std::size_t size = std::strtoull(input.c_str() + at, nullptr, 16);
        if (size == 0) {
            const std::size_t end = input.find("\r\n\r\n", line);
            return end == std::string::npos ? end : end + 4;
        }
        at = line + 2 + size + 2;
        if (at > input.size())
            return std::string::npos;
    }
}

}  // namespace

bool NaiveServer::is_private(std::string path) const
{
    path = percent_decoded(path.substr(0, path.find('?')));
    if (habits_.decodes_again)
        path = percent_decoded(path);
    std::vector<std::string> list = segments(path);
    for (std::string& part : list) {
        if (habits_.strips_parameters)
            part = part.substr(0, part.find(';'));
        if (habits_.ignores_case)
            part = lower(part);
    }
    std::string joined;
    for (const std::string& part : list)
        joined += "/" + part;
    list = segments(joined);
    return !list.empty() && list[0] == "private";
}

bool NaiveServer::next_request(const std::string& input, std::string& answer)
{
    const std::size_t end = input.find("\r\n\r\n", at_);
    if (end == std::string::npos)
        return false;
    const std::string head = input.substr(at_, end + 2 - at_);
    const std::size_t next = habits_.ignores_bodies ? end + 4 : body_end(input, end + 4, head);
    if (next == std::string::npos)
        return false;
    std::istringstream line(head);
    std::string method, target, version;
    line >> method >> target >> version;
    at_ = next;
    if (!version.starts_with("HTTP/1.")) {
        // What many do: complain, and go on with what comes next.
        answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
        return true;
    }
    const std::string content = is_private(target) ? secret : "open";
    answer = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(content.size()) + "\r\n\r\n";
    if (method != "HEAD")
        answer += content;
    return true;
}

std::string NaiveServer::serve(const std::string& input)
{
    std::string answers, answer;
    while (next_request(input, answer))
        answers += answer;
    return answers;
}
