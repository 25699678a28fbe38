// SPDX-License-Identifier: Apache-2.0
//
// epoll(7). Nothing is ever scanned: an entry puts itself into its set's ready list when its file changes,
// and epoll_wait looks at the ready entries only.
#include <new>
#include <sys/epoll.h>

#include "u0/clock.hh"
#include "u0/file.hh"
#include "u0/memory.hh"
#include "u0/posix_time.hh"
#include "u0/syscall.hh"

namespace u0::posix_events
{
namespace
{

class Set;

/// One file in one set. Lives on the heap from EPOLL_CTL_ADD until EPOLL_CTL_DEL, or until the file or the
/// set is closed.
class Entry final : public Watcher
{
public:
    Entry(Set& set, File& file, int fd) : set_(set), file_(file), fd_(fd) { owner = &set; }

    void changed(std::uint32_t events) override;
    void closed() override;

    /// Sets what to report and looks at the file at once (EPOLL_CTL_ADD and EPOLL_CTL_MOD).
    void arm(const epoll_event& wanted);

    /// What holds now of what is wanted.
    std::uint32_t pending();
    void report(epoll_event& out, std::uint32_t events) const;

    bool edge_triggered() const { return (flags_ & EPOLLET) != 0; }
    bool one_shot() const { return (flags_ & EPOLLONESHOT) != 0; }
    void disarm() { interest_ = 0; }
    File& file() { return file_; }
    int fd() const { return fd_; }

    Link<Entry> ready_link;
    Link<Entry> member_link;

private:
    Set& set_;
    File& file_;
    int fd_;
    std::uint32_t interest_ = 0;  ///< 0: disarmed (one-shot)
    std::uint32_t flags_ = 0;
    epoll_data_t data_{};
};

class Set final : public File
{
public:
    std::uint32_t ready() override;
    Kind kind() const override { return Kind::epoll; }
    mode_t mode() const override { return S_IFREG | 0600; }

    long add(File& file, int fd, const epoll_event& wanted);
    void remove(Entry& entry);
    Entry* find(const File& file, int fd) const;

    /// Blocks until an entry is ready, at most until `deadline`; the number of events stored.
    int wait(epoll_event* out, int room, Nanoseconds deadline);

    void make_ready(Entry& entry);

    /// Whether this set contains `other`, directly or through sets in it, up to `depth` levels.
    bool reaches(const Set& other, int depth) const;

protected:
    ~Set() override
    {
        while (Entry* entry = members_.front())
            remove(*entry);
    }

private:
    using Ready = List<Entry, &Entry::ready_link>;
    using Members = List<Entry, &Entry::member_link>;

    int collect(epoll_event* out, int room);

    Ready ready_;
    Members members_;
    WaitQueue sleepers_;
};

constexpr std::uint32_t always = EPOLLERR | EPOLLHUP;
constexpr int max_depth = 5;

/// Files report EPOLLIN and EPOLLOUT; their "normal data" synonyms hold with them.
std::uint32_t with_synonyms(std::uint32_t events)
{
    return events | ((events & EPOLLIN) != 0 ? EPOLLRDNORM : 0U) |
           ((events & EPOLLOUT) != 0 ? EPOLLWRNORM : 0U);
}

void Entry::changed(std::uint32_t events)
{
    if ((with_synonyms(events) & interest_) != 0)
        set_.make_ready(*this);
}

void Entry::closed()
{
    set_.remove(*this);
}

void Entry::arm(const epoll_event& wanted)
{
    constexpr std::uint32_t flags = EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP;
    flags_ = wanted.events & flags;
    interest_ = (wanted.events & ~flags) | always;
    data_ = wanted.data;
    changed(file_.ready());
}

std::uint32_t Entry::pending()
{
    return with_synonyms(file_.ready()) & interest_;
}

void Entry::report(epoll_event& out, std::uint32_t events) const
{
    out.events = events;
    out.data = data_;
}

/// Entries that are no longer ready leave the list when somebody looks.
std::uint32_t Set::ready()
{
    while (Entry* first = ready_.front()) {
        if (first->pending() != 0)
            return EPOLLIN;
        ready_.remove(*first);
    }
    return 0;
}

long Set::add(File& file, int fd, const epoll_event& wanted)
{
    void* block = kalloc(sizeof(Entry));
    if (!block)
        return -ENOMEM;
    Entry& entry = *new (block) Entry(*this, file, fd);
    members_.push_back(entry);
    file.watch(entry);
    entry.arm(wanted);
    return 0;
}

void Set::remove(Entry& entry)
{
    entry.file().unwatch(entry);
    ready_.remove(entry);
    members_.remove(entry);
    entry.~Entry();
    kfree(&entry);
}

Entry* Set::find(const File& file, int fd) const
{
    for (Watcher* watcher = file.watchers().front(); watcher; watcher = Watchers::next(*watcher)) {
        if (watcher->owner != this)
            continue;
        auto* entry = static_cast<Entry*>(watcher);
        if (entry->fd() == fd)
            return entry;
    }
    return nullptr;
}

void Set::make_ready(Entry& entry)
{
    if (!Ready::contains(entry))
        ready_.push_back(entry);
    if (!sleepers_.empty())
        sleepers_.wake();
    if (!watchers().empty())
        notify(EPOLLIN);
}

int Set::collect(epoll_event* out, int room)
{
    int count = 0;
    Entry* last = ready_.back();  // those that stay ready go behind it, and are not looked at again
    while (count < room && !ready_.empty()) {
        Entry& entry = *ready_.pop_front();
        bool end = &entry == last;
        if (std::uint32_t events = entry.pending()) {
            entry.report(out[count++], events);
            if (entry.one_shot())
                entry.disarm();
            else if (!entry.edge_triggered())
                ready_.push_back(entry);
        }
        if (end)
            break;
    }
    return count;
}

int Set::wait(epoll_event* out, int room, Nanoseconds deadline)
{
    int count = collect(out, room);
    // Who waits while nobody else can run polls when the machine is idle. All others do it here: a program
    // whose files are always ready gets its packets too.
    if (count > 0 || deadline == 0 || scheduler::others_can_run()) {
        poll();
        if (count == 0)
            count = collect(out, room);
    }
    if (count > 0 || deadline == 0)
        return count;
    for (;;) {
        bool woken = sleepers_.wait(deadline);
        count = collect(out, room);
        if (count > 0 || !woken)
            return count;
    }
}

bool Set::reaches(const Set& other, int depth) const
{
    if (this == &other || depth == 0)
        return true;
    for (Entry* entry = members_.front(); entry; entry = Members::next(*entry))
        if (entry->file().kind() == Kind::epoll && static_cast<Set&>(entry->file()).reaches(other, depth - 1))
            return true;
    return false;
}

long create(int flags)
{
    if ((flags & ~EPOLL_CLOEXEC) != 0)
        return -EINVAL;
    File* set = new Set;
    if (!set)
        return -ENOMEM;
    return descriptors::add(FileRef(set), (flags & EPOLL_CLOEXEC) != 0);
}

long wait(const SyscallArgs& args, Nanoseconds deadline)
{
    FileRef file = descriptors::get(args.integer(0));
    if (!file)
        return -EBADF;
    int room = args.integer(2);
    if (file->kind() != File::Kind::epoll || room <= 0)
        return -EINVAL;
    return static_cast<Set*>(file.get())->wait(args.pointer<epoll_event>(1), room, deadline);
}

}  // namespace

long sys_epoll_create1(const SyscallArgs& args)
{
    return create(args.integer(0));
}
long sys_epoll_create(const SyscallArgs& args)
{
    return args.integer(0) > 0 ? create(0) : -EINVAL;
}

long sys_epoll_ctl(const SyscallArgs& args)
{
    FileRef set_file = descriptors::get(args.integer(0));
    int operation = args.integer(1), fd = args.integer(2);
    FileRef file = descriptors::get(fd);
    const epoll_event* wanted = args.pointer<const epoll_event>(3);
    if (!set_file || !file)
        return -EBADF;
    if (S_ISREG(file->mode()) && file->kind() != File::Kind::epoll)
        return -EPERM;
    if (set_file->kind() != File::Kind::epoll || set_file.get() == file.get())
        return -EINVAL;
    if (operation != EPOLL_CTL_DEL && !wanted)
        return -EFAULT;
    Set& set = *static_cast<Set*>(set_file.get());
    Entry* entry = set.find(*file.get(), fd);
    switch (operation) {
    case EPOLL_CTL_ADD:
        if (entry)
            return -EEXIST;
        if (file->kind() == File::Kind::epoll && static_cast<Set*>(file.get())->reaches(set, max_depth))
            return -ELOOP;
        return set.add(*file.get(), fd, *wanted);
    case EPOLL_CTL_MOD:
        if (!entry)
            return -ENOENT;
        entry->arm(*wanted);
        return 0;
    case EPOLL_CTL_DEL:
        if (!entry)
            return -ENOENT;
        set.remove(*entry);
        return 0;
    default:
        return -EINVAL;
    }
}

/// epoll_wait and epoll_pwait (its signal mask has nothing to hold back).
long sys_epoll_wait(const SyscallArgs& args)
{
    int milliseconds = args.integer(3);
    if (milliseconds <= 0)
        return wait(args, milliseconds < 0 ? never : 0);
    return wait(args, after(static_cast<Nanoseconds>(milliseconds) * 1'000'000));
}

long sys_epoll_pwait2(const SyscallArgs& args)
{
    const timespec* timeout = args.pointer<const timespec>(3);
    if (!timeout)
        return wait(args, never);
    if (!valid(*timeout))
        return -EINVAL;
    Nanoseconds span = to_ns(*timeout);
    return wait(args, span == 0 ? 0 : after(span));
}

}  // namespace u0::posix_events
