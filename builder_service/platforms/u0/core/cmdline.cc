// SPDX-License-Identifier: Apache-2.0
#include "u0/cmdline.hh"

#include "boot.hh"
#include "u0/console.hh"

namespace u0::cmdline
{
namespace
{

constexpr std::size_t longest = 2047;
U0_SEALED_DATA char text[longest + 1] = {};
U0_SEALED_DATA std::string_view machine_words = {};
U0_SEALED_DATA std::string_view application_words = {};

/// Splits off the first word of `rest`; empty when there is none.
std::string_view next_word(std::string_view& rest)
{
    while (!rest.empty() && rest.front() == ' ')
        rest.remove_prefix(1);
    std::size_t end = 0;
    while (end < rest.size() && rest[end] != ' ')
        ++end;
    const std::string_view word = rest.substr(0, end);
    rest.remove_prefix(end);
    return word;
}

bool has(std::string_view word, char wanted)
{
    for (const char c : word)
        if (c == wanted)
            return true;
    return false;
}

}  // namespace

U0_INIT_TEXT void set(const char* source)
{
    std::size_t size = 0;
    for (; source[size]; ++size) {
        if (size == longest)
            panic("the command line is longer than {} bytes", longest);
        text[size] = source[size];
    }
    std::string_view rest(text, size);

    // The kernel's path, which multiboot loaders put in front.
    std::string_view after = rest;
    if (const auto first = next_word(after); has(first, '/') && !has(first, '='))
        rest = after;

    machine_words = rest;
    for (std::string_view left = rest; !left.empty();) {
        if (next_word(left) == "--") {
            machine_words = rest.substr(0, rest.size() - left.size() - 2);
            while (!left.empty() && left.front() == ' ')
                left.remove_prefix(1);
            application_words = left;
            break;
        }
    }
}

std::optional<std::string_view> value(std::string_view key)
{
    std::optional<std::string_view> found;
    for (std::string_view rest = machine_words; !rest.empty();) {
        const std::string_view word = next_word(rest);
        if (word.substr(0, key.size()) != key)
            continue;
        if (word.size() == key.size())
            found = std::string_view{};
        else if (word[key.size()] == '=')
            found = word.substr(key.size() + 1);
    }
    return found;
}

std::string_view application()
{
    return application_words;
}

}  // namespace u0::cmdline
