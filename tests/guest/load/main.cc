// SPDX-License-Identifier: Apache-2.0
// Answers on port 8080. What comes in at port 8081, by TCP or UDP, is left lying. With an argument all memory
// is taken first.
#include <array>
#include <cstdlib>
#include <netinet/in.h>
#include <new>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace
{

constexpr in_port_t served = 8080, left_lying = 8081;

int open_port(int type, in_port_t port)
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    const int fd = socket(AF_INET, type, 0);
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        (type == SOCK_STREAM && listen(fd, 4096) != 0))
        std::exit(1);
    return fd;
}

/// False when the connection is over.
bool echo(int fd)
{
    static std::array<char, 32 * 1024> bytes;
    const ssize_t size = read(fd, bytes.data(), bytes.size());
    return size > 0 && write(fd, bytes.data(), static_cast<std::size_t>(size)) == size;
}

void take_all_memory()
{
    for (std::size_t size = 1 << 20; size > 64; size /= 2)
        while (new (std::nothrow) char[size])
            ;
}

}  // namespace

int main(int argc, char**)
{
    open_port(SOCK_STREAM, left_lying);
    open_port(SOCK_DGRAM, left_lying);
    std::vector<pollfd> waiting;
    waiting.reserve(100);
    waiting.push_back({open_port(SOCK_STREAM, served), POLLIN, 0});
    if (argc > 1)
        take_all_memory();
    for (;;) {
        poll(waiting.data(), waiting.size(), -1);
        for (std::size_t i = waiting.size(); i-- > 1;) {
            if (waiting[i].revents == 0 || echo(waiting[i].fd))
                continue;
            close(waiting[i].fd);
            waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(i));
        }
        if (waiting[0].revents != 0)
            waiting.push_back({accept(waiting[0].fd, nullptr, nullptr), POLLIN, 0});
    }
}
