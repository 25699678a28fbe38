// SPDX-License-Identifier: Apache-2.0
#include "response.hh"

#include "text.hh"

#include <algorithm>
#include <cstring>

namespace u0::http_guard
{

bool equal_words(const unsigned char* a, const unsigned char* b, std::size_t size)
{
    std::uint64_t difference = 0;
    const auto compare = [&](std::size_t at) {
        std::uint64_t x, y;
        std::memcpy(&x, a + at, sizeof x);
        std::memcpy(&y, b + at, sizeof y);
        difference |= x ^ y;
    };
    if (size < 8) {
        for (std::size_t i = 0; i < size; ++i)
            difference |= static_cast<std::uint64_t>(a[i] ^ b[i]);
        return difference == 0;
    }
    std::size_t at = 0;
    for (; at + 32 <= size; at += 32) {
        compare(at);
        compare(at + 8);
        compare(at + 16);
        compare(at + 24);
    }
    for (; at + 8 <= size; at += 8)
        compare(at);
    compare(size - 8);  // overlaps what was compared
    return difference == 0;
}

std::uint8_t ResponseMemo::store(std::span<const unsigned char> head, BodyKind body, std::uint64_t length)
{
    if (head.size() > head_limit)
        return 0;
    for (std::uint8_t i = 0; i < entries; ++i)
        if (entries_[i].size == head.size() && entries_[i].body == body && entries_[i].length == length &&
            equal_words(entries_[i].head.data(), head.data(), head.size()))
            return i;
    const std::uint8_t index = next_;
    next_ = static_cast<std::uint8_t>((next_ + 1) % entries);
    Entry& entry = entries_[index];
    entry.size = static_cast<std::uint16_t>(head.size());
    entry.body = body;
    entry.length = length;
    std::copy(head.begin(), head.end(), entry.head.begin());
    return index;
}

bool ResponseTracker::feed_known(std::span<const unsigned char> bytes, const ResponseMemo& memo,
                                 std::size_t& taken)
{
    const ResponseMemo::Entry& known = memo[memo_];
    if (known.size == 0 || bytes.size() < known.size ||
        !equal_words(bytes.data(), known.head.data(), known.size))
        return false;
    taken = known.size;
    // The common case, complete in one write, without a detour through the reader.
    if (known.body == BodyKind::length && bytes.size() - taken >= known.length) {
        taken += static_cast<std::size_t>(known.length);
        phase_ = Phase::complete;
        return true;
    }
    body_.start(known.body, known.length);
    phase_ = body_.done() ? Phase::complete : Phase::body;
    return true;
}

std::size_t ResponseTracker::feed(std::span<const unsigned char> bytes, ResponseMemo& memo)
{
    std::size_t taken = 0;
    const bool fresh = untouched();
    if (fresh && !to_head_ && feed_known(bytes, memo, taken) && phase_ == Phase::complete)
        return taken;
    while (taken < bytes.size()) {
        switch (phase_) {
        case Phase::status_line:
        case Phase::fields: {
            taken += feed_line(bytes.subspan(taken));
            const bool ended = phase_ == Phase::body || phase_ == Phase::complete;
            if (ended && fresh && !to_head_ && status_ >= 200)
                memo_ =
                    memo.store(bytes.first(taken), chunked_ ? BodyKind::chunked : BodyKind::length, length_);
            break;
        }
        case Phase::body:
            taken += body_.feed(bytes.subspan(taken));
            if (body_.done())
                phase_ = Phase::complete;
            else if (body_.bad())
                phase_ = Phase::until_close;
            break;
        case Phase::complete:
            return taken;
        case Phase::until_close:
        case Phase::switched:
            return bytes.size();
        }
    }
    return taken;
}

/// Takes one line, or the part of it that has come.
std::size_t ResponseTracker::feed_line(std::span<const unsigned char> bytes)
{
    const char* const begin = reinterpret_cast<const char*>(bytes.data());
    const void* const newline = std::memchr(begin, '\n', bytes.size());
    const std::size_t size = newline != nullptr
                                 ? static_cast<std::size_t>(static_cast<const char*>(newline) - begin)
                                 : bytes.size();
    const auto take = [this](std::string_view line, bool cut) {
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        take_line(line, cut);
    };
    if (newline != nullptr && line_size_ == 0) {
        take(std::string_view(begin, size), false);
        return size + 1;
    }
    const std::size_t room = line_.size() - line_size_;
    const bool cut = size > room;
    std::copy_n(begin, std::min(size, room), line_.begin() + line_size_);
    line_size_ = static_cast<std::uint8_t>(line_size_ + std::min(size, room));
    if (newline == nullptr)
        return size;
    const std::size_t whole = line_size_;
    line_size_ = 0;
    take(std::string_view(line_.data(), whole), cut || whole == line_.size());
    return size + 1;
}

/// @param cut the end of the line is missing: nothing but its beginning can be relied on
void ResponseTracker::take_line(std::string_view line, bool cut)
{
    if (phase_ == Phase::status_line)
        take_status(line);
    else if (line.empty() && !cut)
        end_head();
    else
        take_field(line, cut);
}

void ResponseTracker::take_status(std::string_view line)
{
    has_length_ = chunked_ = unclear_ = false;
    length_ = 0;
    if (line.size() < 12 || !line.starts_with("HTTP/1.") || line[8] != ' ' || !is_digit(line[9]) ||
        !is_digit(line[10]) || !is_digit(line[11])) {
        phase_ = Phase::until_close;
        return;
    }
    status_ = static_cast<std::uint16_t>((line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0'));
    phase_ = Phase::fields;
}

void ResponseTracker::take_field(std::string_view line, bool cut)
{
    const std::size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    const std::string_view value =
        colon == std::string_view::npos ? std::string_view() : trim(line.substr(colon + 1));
    if (equal_nocase(name, "content-length")) {
        std::uint64_t length = 0;
        unclear_ = unclear_ || cut || !parse_length(value, length) || (has_length_ && length != length_);
        length_ = length;
        has_length_ = true;
    } else if (equal_nocase(name, "transfer-encoding")) {
        unclear_ = unclear_ || cut || chunked_ || !equal_nocase(value, "chunked");
        chunked_ = true;
    }
}

void ResponseTracker::end_head()
{
    if (status_ == 101) {
        phase_ = Phase::switched;
    } else if (status_ < 200) {
        phase_ = Phase::status_line;  // interim: the final one follows
    } else if (to_head_ || status_ == 204 || status_ == 304) {
        phase_ = Phase::complete;
        has_length_ = chunked_ = false;
        length_ = 0;
    } else if (unclear_ || has_length_ == chunked_) {
        phase_ = Phase::until_close;
    } else {
        body_.start(chunked_ ? BodyKind::chunked : BodyKind::length, length_);
        phase_ = body_.done() ? Phase::complete : Phase::body;
    }
}

}  // namespace u0::http_guard
