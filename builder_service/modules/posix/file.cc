// SPDX-License-Identifier: Apache-2.0
#include "u0/file.hh"

#include <algorithm>
#include <cstring>

#include "u0/memory.hh"

namespace u0
{

Buffers::Buffers(const iovec* pieces, std::size_t count) : pieces_(pieces), count_(count), left_(0)
{
    for (std::size_t i = 0; i < count; ++i)
        left_ += pieces[i].iov_len;
}

std::span<unsigned char> Buffers::front()
{
    while (count_ > 0 && offset_ == pieces_->iov_len) {
        ++pieces_;
        --count_;
        offset_ = 0;
    }
    if (count_ == 0)
        return {};
    return {static_cast<unsigned char*>(pieces_->iov_base) + offset_, pieces_->iov_len - offset_};
}

void Buffers::advance(std::size_t n)
{
    offset_ += n;
    left_ -= n;
}

std::size_t Buffers::fill(const void* from, std::size_t n)
{
    std::size_t done = 0;
    while (done < n && left_ > 0) {
        std::span<unsigned char> piece = front();
        std::size_t step = std::min(n - done, piece.size());
        std::memcpy(piece.data(), static_cast<const unsigned char*>(from) + done, step);
        advance(step);
        done += step;
    }
    return done;
}

std::size_t Buffers::take(void* to, std::size_t n)
{
    std::size_t done = 0;
    while (done < n && left_ > 0) {
        std::span<unsigned char> piece = front();
        std::size_t step = std::min(n - done, piece.size());
        std::memcpy(static_cast<unsigned char*>(to) + done, piece.data(), step);
        advance(step);
        done += step;
    }
    return done;
}

File::~File() = default;

long File::read(Buffers&, bool)
{
    return -EINVAL;
}
long File::write(Buffers&, bool)
{
    return -EINVAL;
}
long File::control(unsigned long, void*)
{
    return -ENOTTY;
}
long File::seek(long, int)
{
    return -ESPIPE;
}
long File::read_at(Buffers&, std::uint64_t)
{
    return -ESPIPE;
}

void* File::operator new(std::size_t size) noexcept
{
    return kalloc(size);
}
void File::operator delete(void* file, std::size_t) noexcept
{
    kfree(file);
}

void File::destroy()
{
    while (Watcher* watcher = watchers_.pop_front())
        watcher->closed();
    delete this;
}

void File::notify(std::uint32_t events)
{
    for (Watcher* watcher = watchers_.front(); watcher != nullptr;) {
        Watcher* next = Watchers::next(*watcher);  // a watcher may take itself off
        watcher->changed(events);
        watcher = next;
    }
}

bool File::wait(std::uint32_t events, Nanoseconds deadline)
{
    struct Sleeper final : Watcher {
        explicit Sleeper(std::uint32_t wanted) : interest(wanted), thread(scheduler::current()) {}
        void changed(std::uint32_t happened) override
        {
            if ((happened & interest) != 0)
                scheduler::wake(thread);
        }
        std::uint32_t interest;
        Thread& thread;
    };
    events |= EPOLLERR | EPOLLHUP;
    if ((ready() & events) != 0)
        return true;
    Sleeper sleeper(events);
    watch(sleeper);
    bool woken = true;
    while ((ready() & events) == 0 && woken)
        woken = scheduler::block(deadline);
    unwatch(sleeper);
    return woken;
}

}  // namespace u0
