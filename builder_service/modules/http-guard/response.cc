// SPDX-License-Identifier: Apache-2.0
#include "response.hh"

#include "text.hh"

#include <algorithm>
#include <cstring>

namespace u0::http_guard
{

const KnownResponse& ResponseMemo::store(std::span<const unsigned char> head, BodyKind body,
                                         std::uint64_t length)
{
    if (head.size() > no_response.head.size())
        return no_response;
    for (const KnownResponse& entry : entries_)
        if (entry.size == head.size() && entry.body == body && entry.length == length &&
            equal_words(entry.head.data(), head.data(), head.size()))
            return entry;
    KnownResponse& entry = entries_[next_];
    next_ = static_cast<std::uint8_t>((next_ + 1) % entries_.size());
    entry.size = static_cast<std::uint16_t>(head.size());
    entry.body = body;
    entry.length = length;
    entry.whole_size = body == BodyKind::length ? head.size() + length : 0;
    std::copy(head.begin(), head.end(), entry.head.begin());
    return entry;
}

bool ResponseTracker::feed_known(std::span<const unsigned char> bytes, std::size_t& taken)
{
    if (known_->size == 0 || bytes.size() < known_->size ||
        !equal_words(bytes.data(), known_->head.data(), known_->size))
        return false;
    taken = known_->size;
    body_.start(known_->body, known_->length);
    phase_ = body_.done() ? Phase::complete : Phase::body;
    return true;
}

std::size_t ResponseTracker::feed(std::span<const unsigned char> bytes, ResponseMemo& memo)
{
    std::size_t taken = 0;
    const bool fresh = phase_ == Phase::fresh && !bytes.empty();
    if (fresh) {
        phase_ = Phase::status_line;
        feed_known(bytes, taken);
    }
    while (taken < bytes.size()) {
        switch (phase_) {
        case Phase::status_line:
        case Phase::fields: {
            taken += feed_line(bytes.subspan(taken));
            const bool ended = phase_ == Phase::body || phase_ == Phase::complete;
            if (ended && fresh)
                known_ =
                    &memo.store(bytes.first(taken), chunked_ ? BodyKind::chunked : BodyKind::length, length_);
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
        case Phase::fresh:
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
