// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/output.hh"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>

#include <unistd.h>

namespace unikernel::cli
{

namespace
{

/// Characters, not bytes, of UTF-8 text.
std::size_t width(std::string_view text)
{
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char character) {
        return (static_cast<unsigned char>(character) & 0xc0) != 0x80;
    }));
}

std::string padded(const std::string& text, std::size_t columns)
{
    return text + std::string(columns - std::min(columns, width(text)), ' ');
}

}  // namespace

Output::Output(bool json, bool quiet) : json_(json), quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}

void Output::line(std::string_view text) const
{
    if (!json_ && !quiet_) {
        std::cout << text << std::endl;
    }
}

void Output::table(const std::vector<std::pair<std::string, std::string>>& rows) const
{
    std::size_t columns = 0;
    for (const auto& row : rows) {
        columns = std::max(columns, width(row.first));
    }
    for (const auto& row : rows) {
        line(padded(row.first, columns) + "  " + row.second);
    }
}

void Output::table(const std::vector<std::string>& headings,
                   const std::vector<std::vector<std::string>>& rows) const
{
    std::vector<std::size_t> columns;
    for (std::size_t i = 0; i < headings.size(); ++i) {
        columns.push_back(width(headings[i]));
        for (const auto& row : rows) {
            columns[i] = std::max(columns[i], width(row[i]));
        }
    }
    const auto print = [&](const std::vector<std::string>& row) {
        std::string text;
        for (std::size_t i = 0; i + 1 < row.size(); ++i) {
            text += padded(row[i], columns[i]) + "  ";
        }
        line(text + row.back());
    };
    print(headings);
    for (const auto& row : rows) {
        print(row);
    }
}

void Output::document(const nlohmann::json& document) const
{
    if (json_) {
        std::cout << document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
    }
}

void Output::note(std::string_view text) const
{
    if (!quiet_) {
        std::cerr << text << std::endl;
    }
}

void Output::next(std::string_view command) const
{
    line("\nNext: " + std::string(command));
}

ExitCode Output::error(const Failure& failure) const
{
    return error(exit_code(failure.kind), failure.message);
}

ExitCode Output::error(ExitCode code, std::string_view text) const
{
    std::cerr << "unikernel: " << text << std::endl;
    if (json_) {
        document({{"error", text}, {"exit_code", static_cast<int>(code)}});
    }
    return code;
}

std::string human_bytes(std::uint64_t bytes)
{
    constexpr std::array<std::string_view, 4> units{"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 1024) {
        return std::to_string(bytes) + " bytes";
    }
    double amount = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    for (; amount >= 1024 && unit + 1 < units.size(); ++unit) {
        amount /= 1024;
    }
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f ", amount);
    return text.data() + std::string(units[unit]);
}

std::string human_time(std::chrono::milliseconds duration)
{
    const auto count = duration.count();
    std::array<char, 32> text{};
    if (count < 60'000) {
        std::snprintf(text.data(), text.size(), "%.2f s", static_cast<double>(count) / 1000);
        return text.data();
    }
    return std::to_string(count / 60'000) + " min " + std::to_string(count % 60'000 / 1000) + " s";
}

std::string text_of(const nlohmann::json& document, const char* key)
{
    const auto found = document.find(key);
    return found == document.end() ? "" : found->is_string() ? found->get<std::string>() : found->dump();
}

std::string printable(std::string_view text)
{
    std::string safe(text);
    for (char& character : safe) {
        const auto byte = static_cast<unsigned char>(character);
        if ((byte < 0x20 && character != '\t') || byte == 0x7f) {
            character = '?';
        }
    }
    return safe;
}

}  // namespace unikernel::cli
