// SPDX-License-Identifier: Apache-2.0
#include "builder_service/hypervisor/hypervisor.hh"

#include <algorithm>
#include <fstream>

namespace unikernel
{

namespace
{

/// A guest may write without end; its last lines are in here.
constexpr std::streamoff tail_bytes = 65536;

/// A guest must not steer the reader's terminal.
std::string without_control_characters(std::string line)
{
    for (char& character : line) {
        const auto byte = static_cast<unsigned char>(character);
        if ((byte < 0x20 && character != '\t') || byte == 0x7f) {
            character = '?';
        }
    }
    return line;
}

}  // namespace

std::vector<std::string> last_console_lines(const std::filesystem::path& console, std::size_t count)
{
    std::vector<std::string> lines;
    std::ifstream file(console, std::ios::binary | std::ios::ate);
    if (!file) {
        return lines;
    }
    const std::streamoff size = file.tellg();
    file.seekg(std::max<std::streamoff>(0, size - tail_bytes));
    for (std::string line; std::getline(file, line);) {
        if (line.ends_with('\r')) {
            line.pop_back();
        }
        lines.push_back(without_control_characters(std::move(line)));
    }
    if (size > tail_bytes && !lines.empty()) {
        lines.erase(lines.begin());  // the end of a line only
    }
    if (lines.size() > count) {
        lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(count));
    }
    return lines;
}

}  // namespace unikernel
