// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <bit>

#include "config.gen.hh"
#include "u0/file.hh"

namespace u0::descriptors
{
namespace
{

constexpr std::size_t table_size = static_cast<std::size_t>(cfg::posix::max_files);
constexpr std::size_t word_bits = 64;
constexpr std::size_t words = (table_size + word_bits - 1) / word_bits;

/// A set of descriptors as two levels of bits: `summary` has a bit for each word that is not full, so the
/// lowest free number is found by two instructions for tables up to 4,096 and a short loop beyond.
struct Taken {
    std::array<std::uint64_t, words> bits{};
    std::array<std::uint64_t, (words + word_bits - 1) / word_bits> full{};

    void set(std::size_t i)
    {
        bits[i / word_bits] |= std::uint64_t{1} << i % word_bits;
        if (bits[i / word_bits] == ~std::uint64_t{0})
            full[i / word_bits / word_bits] |= std::uint64_t{1} << i / word_bits % word_bits;
    }
    void clear(std::size_t i)
    {
        bits[i / word_bits] &= ~(std::uint64_t{1} << i % word_bits);
        full[i / word_bits / word_bits] &= ~(std::uint64_t{1} << i / word_bits % word_bits);
    }
    /// The lowest free number that is at least `from`; `table_size` or more when there is none.
    std::size_t lowest_free(std::size_t from) const
    {
        std::size_t word = from / word_bits;
        std::uint64_t candidates = ~bits[word] & (~std::uint64_t{0} << from % word_bits);
        if (candidates == 0) {
            if (++word == words)
                return table_size;
            std::size_t group = word / word_bits;
            std::uint64_t open = ~full[group] & (~std::uint64_t{0} << word % word_bits);
            while (open == 0) {
                if (++group == full.size())
                    return table_size;
                open = ~full[group];
            }
            word = group * word_bits + static_cast<std::size_t>(std::countr_zero(open));
            if (word >= words)
                return table_size;
            candidates = ~bits[word];
        }
        return word * word_bits + static_cast<std::size_t>(std::countr_zero(candidates));
    }
};

std::array<File*, table_size> table;
Taken taken;
std::array<std::uint64_t, words> closes_on_exec;

bool valid(int fd)
{
    return fd >= 0 && static_cast<std::size_t>(fd) < table_size;
}

void put(std::size_t fd, File* file, bool close_on_exec)
{
    file->retain();
    table[fd] = file;
    taken.set(fd);
    set_close_on_exec(static_cast<int>(fd), close_on_exec);
}

}  // namespace

FileRef get(int fd)
{
    return FileRef(valid(fd) ? table[static_cast<std::size_t>(fd)] : nullptr);
}

long add(FileRef file, bool close_on_exec, int from)
{
    if (!valid(from))
        return -EINVAL;
    std::size_t fd = taken.lowest_free(static_cast<std::size_t>(from));
    if (fd >= table_size)
        return -EMFILE;
    put(fd, file.get(), close_on_exec);
    return static_cast<long>(fd);
}

long replace(int fd, FileRef file, bool close_on_exec)
{
    if (!valid(fd))
        return -EBADF;
    File* old = table[static_cast<std::size_t>(fd)];
    put(static_cast<std::size_t>(fd), file.get(), close_on_exec);
    if (old)
        old->release();
    return fd;
}

long close(int fd)
{
    if (!valid(fd) || !table[static_cast<std::size_t>(fd)])
        return -EBADF;
    File* file = std::exchange(table[static_cast<std::size_t>(fd)], nullptr);
    taken.clear(static_cast<std::size_t>(fd));
    file->release();
    return 0;
}

int limit()
{
    return static_cast<int>(table_size);
}

bool close_on_exec(int fd)
{
    auto i = static_cast<std::size_t>(fd);
    return (closes_on_exec[i / word_bits] >> i % word_bits & 1) != 0;
}

void set_close_on_exec(int fd, bool on)
{
    auto i = static_cast<std::size_t>(fd);
    std::uint64_t bit = std::uint64_t{1} << i % word_bits;
    std::uint64_t& word = closes_on_exec[i / word_bits];
    word = on ? word | bit : word & ~bit;
}

}  // namespace u0::descriptors
