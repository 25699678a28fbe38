// SPDX-License-Identifier: Apache-2.0
//
// The files an application finds: its three standard descriptors on the console, two devices, and a few
// read-only texts that a C library looks for.
#include <algorithm>
#include <array>
#include <cstring>
#include <fcntl.h>
#include <string_view>

#include "hooks.gen.hh"
#include "u0/console.hh"
#include "u0/named_files.hh"
#include "u0/random.hh"

namespace u0
{
namespace
{

/// Descriptors 0, 1 and 2: nothing to read, everything written goes to the console. A character device, so
/// that stdio buffers by line.
class Console final : public File
{
public:
    long read(Buffers&, bool) override { return 0; }
    long write(Buffers& from, bool) override
    {
        std::size_t done = 0;
        while (from.size() > 0) {
            std::span<unsigned char> piece = from.front();
            console_write(reinterpret_cast<const char*>(piece.data()), piece.size());
            from.advance(piece.size());
            done += piece.size();
        }
        return static_cast<long>(done);
    }
    std::uint32_t ready() override { return EPOLLIN | EPOLLOUT; }
    mode_t mode() const override { return S_IFCHR | 0620; }
    /// A pseudo-terminal's number makes stdio buffer by line; isatty() still says no.
    dev_t device() const override { return 136 << 8; }
};

class NullDevice final : public File
{
public:
    long read(Buffers&, bool) override { return 0; }
    long write(Buffers& from, bool) override { return static_cast<long>(from.size()); }
    std::uint32_t ready() override { return EPOLLIN | EPOLLOUT; }
    mode_t mode() const override { return S_IFCHR | 0666; }
    long seek(long, int) override { return 0; }
};

class RandomDevice final : public File
{
public:
    long read(Buffers& to, bool) override
    {
        std::size_t done = 0;
        while (to.size() > 0) {
            std::span<unsigned char> piece = to.front();
            random_fill(piece.data(), piece.size());
            to.advance(piece.size());
            done += piece.size();
        }
        return static_cast<long>(done);
    }
    long write(Buffers& from, bool) override { return static_cast<long>(from.size()); }
    std::uint32_t ready() override { return EPOLLIN | EPOLLOUT; }
    mode_t mode() const override { return S_IFCHR | 0666; }
};

class TextFile final : public File
{
public:
    explicit TextFile(std::string_view text) : text_(text) {}

    long read(Buffers& to, bool) override
    {
        long n = read_at(to, position_);
        position_ += static_cast<std::size_t>(n);
        return n;
    }
    long read_at(Buffers& to, std::uint64_t offset) override
    {
        std::string_view rest = text_.substr(std::min<std::size_t>(offset, text_.size()));
        return static_cast<long>(to.fill(rest.data(), rest.size()));
    }
    long write(Buffers&, bool) override { return -EBADF; }
    std::uint32_t ready() override { return EPOLLIN | EPOLLOUT; }
    mode_t mode() const override { return S_IFREG | 0444; }
    std::uint64_t size() const override { return text_.size(); }
    long seek(long offset, int whence) override
    {
        long base = whence == SEEK_SET   ? 0
                    : whence == SEEK_CUR ? static_cast<long>(position_)
                    : whence == SEEK_END ? static_cast<long>(text_.size())
                                         : -1;
        if (base < 0 || offset < -base)
            return -EINVAL;
        position_ = static_cast<std::size_t>(base + offset);
        return base + offset;
    }

private:
    std::string_view text_;
    std::size_t position_ = 0;
};

// What glibc's resolver reads. The text of resolv.conf is made by the network's modules, see set_text.
struct Text {
    std::string_view path;
    std::string_view text;
};
std::array<Text, 4> texts = {{
    {"/etc/hosts", "127.0.0.1 localhost\n"},
    {"/etc/nsswitch.conf", "hosts: files dns\n"},
    {"/etc/host.conf", "multi on\n"},
    {"/etc/resolv.conf", ""},
}};

const Text* find_text(std::string_view path)
{
    const Text* found = std::ranges::find(texts, path, &Text::path);
    return found == texts.end() || found->text.empty() ? nullptr : found;
}

}  // namespace

namespace named_files
{

bool is_directory(std::string_view path)
{
    return path == "/" || path == "/dev" || path == "/etc";
}

bool exists(std::string_view path)
{
    hooks::file_open(path.data());
    return path == "/dev/null" || path == "/dev/urandom" || path == "/dev/random" || path == "/dev/tty" ||
           find_text(path) != nullptr;
}

FileRef open(std::string_view path)
{
    if (path == "/dev/null")
        return FileRef(new NullDevice);
    if (path == "/dev/urandom" || path == "/dev/random")
        return FileRef(new RandomDevice);
    if (path == "/dev/tty")
        return FileRef(new Console);
    if (const Text* text = find_text(path))
        return FileRef(new TextFile(text->text));
    return {};
}

void set_text(std::string_view path, std::string_view text)
{
    Text* found = std::ranges::find(texts, path, &Text::path);
    if (found != texts.end())
        found->text = text;
}

}  // namespace named_files
}  // namespace u0
