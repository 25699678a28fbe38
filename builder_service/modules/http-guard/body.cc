// SPDX-License-Identifier: Apache-2.0
#include "body.hh"

#include "text.hh"

#include <algorithm>

namespace u0::http_guard
{

void BodyReader::start(BodyKind kind, std::uint64_t length)
{
    *this = BodyReader();
    left_ = kind == BodyKind::length ? length : 0;
    if (kind == BodyKind::chunked)
        state_ = State::size_first;
    else if (left_ != 0)
        state_ = State::length;
}

std::size_t BodyReader::feed(std::span<const unsigned char> bytes)
{
    std::size_t taken = 0;
    while (taken < bytes.size() && state_ != State::done && state_ != State::bad) {
        if (state_ == State::length || state_ == State::data) {
            const std::size_t n =
                static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - taken));
            taken += n;
            left_ -= n;
            seen_ += n;
            if (left_ == 0)
                state_ = state_ == State::length ? State::done : State::data_cr;
            continue;
        }
        state_ = step(bytes[taken]);
        if (state_ != State::bad)
            ++taken;
    }
    return taken;
}

BodyReader::State BodyReader::step(unsigned char c)
{
    switch (state_) {
    case State::size_first:
        line_ = 0;
        left_ = 0;
        [[fallthrough]];
    case State::size:
    case State::extension:
        return after_size(c);
    case State::size_lf:
        line_ = 0;
        if (c != '\n')
            return State::bad;
        return left_ == 0 ? State::trailer_start : State::data;
    case State::data_cr:
        return c == '\r' ? State::data_lf : State::bad;
    case State::data_lf:
        return c == '\n' ? State::size_first : State::bad;
    case State::last_lf:
        return c == '\n' ? State::done : State::bad;
    default:
        return in_trailer(c);
    }
}

/// A character of "chunk-size [chunk-ext] CR".
BodyReader::State BodyReader::after_size(unsigned char c)
{
    const char character = static_cast<char>(c);
    if (++line_ > line_limit)
        return State::bad;
    if (state_ != State::extension) {
        if (const int digit = hex_value(character); digit >= 0) {
            left_ = left_ * 16 + static_cast<unsigned>(digit);
            return line_ > 15 ? State::bad : State::size;
        }
        if (state_ == State::size_first)
            return State::bad;
    }
    if (c == '\r')
        return State::size_lf;
    if (state_ == State::size && c != ';')
        return State::bad;
    return is_control(character) && c != '\t' ? State::bad : State::extension;
}

BodyReader::State BodyReader::in_trailer(unsigned char c)
{
    const char character = static_cast<char>(c);
    if (++line_ > trailer_limit)
        return State::bad;
    switch (state_) {
    case State::trailer_start:
        if (c == '\r')
            return State::last_lf;
        return is_token_char(character) ? State::trailer_name : State::bad;
    case State::trailer_name:
        if (c == ':')
            return State::trailer_value;
        return is_token_char(character) ? State::trailer_name : State::bad;
    case State::trailer_value:
        if (c == '\r')
            return State::trailer_lf;
        return is_control(character) && c != '\t' ? State::bad : State::trailer_value;
    default:
        return c == '\n' ? State::trailer_start : State::bad;
    }
}

}  // namespace u0::http_guard
