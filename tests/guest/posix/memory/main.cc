// SPDX-License-Identifier: Apache-2.0
// Memory is given out, given back, and runs out in an orderly way.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <malloc.h>
#include <memory>
#include <new>
#include <string>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>
#include <vector>

namespace
{

constexpr std::size_t page = 4096, mib = 1 << 20;

unsigned char* map(std::size_t bytes, int protection = PROT_READ | PROT_WRITE, int flags = 0)
{
    void* start = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return start == MAP_FAILED ? nullptr : static_cast<unsigned char*>(start);
}

/// More than the machine has, if any of it stayed behind.
void returned()
{
    for (int i = 0; i < 50; ++i) {
        std::vector<unsigned char> large(4 * mib, static_cast<unsigned char>(i));
        if (large.back() != i)
            std::cout << "wrong contents\n";
    }
    for (int i = 0; i < 50; ++i) {
        std::vector<std::unique_ptr<std::string>> small;
        for (int k = 0; k < 4000; ++k)
            small.push_back(std::make_unique<std::string>(500, 'x'));
    }
    malloc_trim(0);
    std::cout << "returned\n";
}

void mapping()
{
    unsigned char* a = map(4 * page);
    bool zero = std::all_of(a, a + 4 * page, [](unsigned char byte) { return byte == 0; });
    std::memset(a, 7, 4 * page);
    std::cout << "zero " << zero << '\n';
    std::cout << "hole " << munmap(a + page, page) << ' ' << int(a[0]) << int(a[2 * page]) << '\n';
    std::cout << "again " << munmap(a, 4 * page) << '\n';
    unsigned char* b = map(2 * page);
    b[0] = 1;
    b[2 * page - 1] = 2;
    auto* c = static_cast<unsigned char*>(mremap(b, 2 * page, 300 * page, MREMAP_MAYMOVE));
    std::cout << "grown " << int(c[0]) << int(c[2 * page - 1]) << int(c[299 * page]) << '\n';
    c = static_cast<unsigned char*>(mremap(c, 300 * page, page, MREMAP_MAYMOVE));
    std::cout << "shrunk " << int(c[0]) << '\n';
    c[5] = 9;
    std::cout << "dropped " << madvise(c, page, MADV_DONTNEED) << ' ' << int(c[5]) << '\n';
    std::cout << "read-only " << mprotect(c, page, PROT_READ) << ' ' << int(c[0]) << '\n';
    std::cout << "writable " << mprotect(c, page, PROT_READ | PROT_WRITE) << ' ' << int(c[0] = 3) << '\n';
    c[7] = 9;
    mprotect(c, page, PROT_NONE);
    std::cout << "dropped unseen " << madvise(c, page, MADV_DONTNEED);
    mprotect(c, page, PROT_READ | PROT_WRITE);
    std::cout << ' ' << int(c[7]) << '\n';
    munmap(c, page);
    std::cout << "nothing there " << mprotect(c, page, PROT_READ) << ' ' << (errno == ENOMEM) << '\n';
    std::cout << "no size " << (map(0) == nullptr) << ' ' << (errno == EINVAL) << '\n';
    std::cout << "break " << (sbrk(3 * page) != reinterpret_cast<void*>(-1)) << (sbrk(-3 * 4096) != nullptr)
              << '\n';
}

void exhausted()
{
    std::vector<std::unique_ptr<char[]>> blocks;
    try {
        for (;;) {
            blocks.push_back(std::make_unique<char[]>(256 * 1024));
            std::fill_n(blocks.back().get(), 256 * 1024, 'y');
        }
    } catch (const std::bad_alloc&) {
        std::size_t count = blocks.size();
        blocks.clear();
        std::cout << "bad_alloc after " << (count > 20 ? "some" : "few") << '\n';
    }
    std::vector<char> usable(4 * mib);
    std::cout << "usable again " << usable.size() / mib << '\n';
    std::cout << "too large " << (new (std::nothrow) char[std::size_t{1} << 40] == nullptr) << '\n';
}

struct sysinfo state()
{
    struct sysinfo now {
    };
    sysinfo(&now);
    return now;
}

/// Takes memory until there is no more; what is left then is for others, and for the stack.
template <typename Take>
void refused(const char* how, Take take)
{
    errno = 0;
    while (take())
        ;
    const bool no_memory = errno == ENOMEM;
    const struct sysinfo now = state();
    unsigned char deep[64 * 1024];
    std::fill(std::begin(deep), std::end(deep), static_cast<unsigned char>(1));
    std::cout << how << ' ' << no_memory << (now.freeram >= now.totalram / 40) << int(deep[100]) << std::endl;
}

void reserve()
{
    constexpr std::size_t reserved = 64 * mib;
    unsigned char* const start = map(reserved, PROT_NONE);
    std::size_t used = 0;
    refused("made accessible", [&] {
        used += 16 * page;
        return mprotect(start + used - 16 * page, 16 * page, PROT_READ | PROT_WRITE) == 0;
    });
    munmap(start, reserved);
    std::vector<unsigned char*> maps;
    maps.reserve(10'000);
    refused("read-only", [&] {
        maps.push_back(map(16 * page, PROT_READ));
        return maps.back() != nullptr;
    });
    maps.pop_back();
    for (unsigned char* one : maps)
        munmap(one, 16 * page);
}

}  // namespace

int main(int argc, char**)
{
    returned();
    mapping();
    if (argc > 1)
        return 0;  // a host has too much memory to exhaust
    const struct sysinfo before = state();
    exhausted();
    reserve();
    malloc_trim(0);
    std::cout << "lost " << (before.freeram > state().freeram + 2 * mib) << '\n';
    void* code = mmap(nullptr, page, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::cout << "executable " << (code == MAP_FAILED) << (errno == EPERM) << '\n';
    unsigned char* data = map(page);
    std::cout << "executable " << mprotect(data, page, PROT_READ | PROT_EXEC) << (errno == EACCES) << '\n';
}
