// SPDX-License-Identifier: Apache-2.0
#include "fake_stream.hh"

#include <cstdlib>
#include <stdexcept>

namespace
{

bool no_memory = false;
int blocks = 0;
std::string last_refused;

void check(bool condition, const char* what)
{
    if (!condition)
        throw std::logic_error(what);
}

FakeStream& fake(u0::Stream& stream)
{
    return static_cast<FakeStream&>(stream);
}

const FakeStream& fake(const u0::Stream& stream)
{
    return static_cast<const FakeStream&>(stream);
}

}  // namespace

NoMemory::NoMemory()
{
    no_memory = true;
}

NoMemory::~NoMemory()
{
    no_memory = false;
}

int allocated_blocks()
{
    return blocks;
}

const std::string& last_refused_head()
{
    return last_refused;
}

namespace u0::http_guard::surroundings
{

void* allocate(std::size_t bytes)
{
    if (no_memory)
        return nullptr;
    ++blocks;
    return std::malloc(bytes);
}

void release(void* block)
{
    --blocks;
    std::free(block);
}

void refused(const Stream&, Status, std::string_view head)
{
    last_refused = head;
}

}  // namespace u0::http_guard::surroundings

FakeStream::~FakeStream()
{
    guard_.close(*this);
}

void FakeStream::arrive(std::string_view bytes)
{
    if (over() || bytes.empty())
        return;
    held_.emplace_back(bytes.begin(), bytes.end());
    guard_.input(*this);
}

void FakeStream::close_by_peer()
{
    peer_closed_ = true;
    if (!over())
        guard_.input(*this);
}

bool FakeStream::write(std::string_view bytes)
{
    if (over() || bytes.empty())
        return !over();
    guard_.output(*this, {reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
    if (over())
        return false;
    sent += bytes;
    if (!held_.empty() || peer_closed_)
        guard_.input(*this);
    return true;
}

void FakeStream::idle()
{
    while (guard_.poll()) {
    }
}

std::size_t FakeStream::held_size() const
{
    std::size_t size = 0;
    for (const auto& segment : held_)
        size += segment.size();
    return size;
}

namespace u0
{

std::uint64_t Stream::id() const
{
    return 1;
}

std::uint16_t Stream::local_port() const
{
    return 80;
}

std::size_t Stream::held() const
{
    return fake(*this).held_size();
}

std::span<unsigned char> Stream::front(std::size_t n)
{
    FakeStream& self = fake(*this);
    if (n == 0 || n > held() || self.refuse_memory)
        return {};
    // A new buffer each time, so that a sanitizer sees the use of an old one.
    std::vector<unsigned char> first;
    do {
        first.insert(first.end(), self.held_.front().begin(), self.held_.front().end());
        self.held_.pop_front();
    } while (first.size() < n);
    self.held_.push_front(std::move(first));
    return self.held_.front();
}

void Stream::drop(std::size_t n)
{
    FakeStream& self = fake(*this);
    check(n <= held(), "drop: more than is held");
    check(!self.over(), "drop: after the end");
    while (n != 0) {
        auto& first = self.held_.front();
        const std::size_t part = std::min(n, first.size());
        first = std::vector<unsigned char>(first.begin() + static_cast<std::ptrdiff_t>(part), first.end());
        n -= part;
        if (first.empty())
            self.held_.pop_front();
    }
}

void Stream::pass(std::size_t n)
{
    FakeStream& self = fake(*this);
    check(n <= held(), "pass: more than is held");
    if (n == 0 || self.over())
        return;
    if (self.refuse_to_pass || self.refuse_memory) {
        self.aborted = true;
        return;
    }
    for (std::size_t left = n; const auto& segment : self.held_) {
        const std::size_t part = std::min(left, segment.size());
        self.passed.append(reinterpret_cast<const char*>(segment.data()), part);
        left -= part;
        if (left == 0)
            break;
    }
    drop(n);
}

bool Stream::send(std::span<const unsigned char> bytes)
{
    FakeStream& self = fake(*this);
    check(!self.over(), "send: after the end");
    if (self.refuse_memory)
        return false;
    self.sent.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return true;
}

void Stream::finish()
{
    check(!fake(*this).over(), "finish: twice");
    fake(*this).finished = true;
    fake(*this).held_.clear();
}

void Stream::abort()
{
    fake(*this).aborted = true;
    fake(*this).held_.clear();
}

bool Stream::peer_closed() const
{
    return fake(*this).peer_closed_;
}

}  // namespace u0
