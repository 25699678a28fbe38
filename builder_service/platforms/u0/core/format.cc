// SPDX-License-Identifier: Apache-2.0
#include "u0/console.hh"

namespace u0::detail
{
namespace
{

class Output
{
public:
    Output(char* out, std::size_t size) : out_(out), size_(size) {}
    void put(char c)
    {
        if (used_ < size_)
            out_[used_++] = c;
    }
    void put(std::string_view text)
    {
        for (const char c : text)
            put(c);
    }
    void put_number(std::uint64_t number, unsigned base)
    {
        char digits[20];
        std::size_t count = 0;
        do {
            digits[count++] = "0123456789abcdef"[number % base];
            number /= base;
        } while (number);
        while (count)
            put(digits[--count]);
    }
    std::size_t used() const { return used_; }

private:
    char* out_;
    std::size_t size_;
    std::size_t used_ = 0;
};

void put_argument(Output& output, const FormatArgument& argument, bool hexadecimal)
{
    if (argument.is_text()) {
        output.put(argument.text());
    } else if (hexadecimal) {
        output.put("0x");
        output.put_number(argument.number(), 16);
    } else {
        if (argument.negative())
            output.put('-');
        output.put_number(argument.negative() ? 0 - argument.number() : argument.number(), 10);
    }
}

}  // namespace

std::size_t format(char* out, std::size_t size, std::string_view text, const FormatArgument* arguments,
                   std::size_t count)
{
    Output output(out, size);
    std::size_t next = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const std::string_view rest = text.substr(i);
        const bool plain = rest.substr(0, 2) == "{}", hexadecimal = rest.substr(0, 3) == "{x}";
        if (!plain && !hexadecimal) {
            output.put(text[i]);
            continue;
        }
        i += hexadecimal ? 2 : 1;
        if (next < count)
            put_argument(output, arguments[next++], hexadecimal);
        else
            output.put('?');
    }
    return output.used();
}

}  // namespace u0::detail
