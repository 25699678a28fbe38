// SPDX-License-Identifier: Apache-2.0
// Answers on port 8080. What comes in at port 8081, by TCP or UDP, is left lying.
#include <cstdlib>
#include <netinet/in.h>
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
    char bytes[4096];
    const ssize_t size = read(fd, bytes, sizeof bytes);
    return size > 0 && write(fd, bytes, static_cast<std::size_t>(size)) == size;
}

}  // namespace

int main()
{
    open_port(SOCK_STREAM, left_lying);
    open_port(SOCK_DGRAM, left_lying);
    std::vector<pollfd> waiting{{open_port(SOCK_STREAM, served), POLLIN, 0}};
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
