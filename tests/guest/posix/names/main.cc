// SPDX-License-Identifier: Apache-2.0
// The C library's resolver asks the name server of the command line: here a thread of this program.
#include <arpa/inet.h>
#include <cstring>
#include <iostream>
#include <netdb.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace
{

/// Answers each question for an address (RFC 1035, 4.1) of a name that begins with "good" with 192.0.2.99,
/// every other with "no such name".
void serve(int fd)
{
    for (;;) {
        unsigned char message[512];
        sockaddr_in from{};
        socklen_t length = sizeof from;
        ssize_t n = recvfrom(fd, message, 400, 0, reinterpret_cast<sockaddr*>(&from), &length);
        if (n < 17)
            continue;
        bool known = std::memcmp(message + 13, "good", 4) == 0;
        bool address = message[n - 3] == 1;  // type A
        message[2] = 0x84;
        message[3] = known ? 0 : 3;
        message[7] = known && address;
        auto size = static_cast<std::size_t>(n);
        if (known && address) {
            const unsigned char answer[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 99};
            std::memcpy(message + size, answer, sizeof answer);
            size += sizeof answer;
        }
        sendto(fd, message, size, 0, reinterpret_cast<sockaddr*>(&from), length);
    }
}

void ask(const char* name)
{
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    int error = getaddrinfo(name, "443", &hints, &found);
    if (error != 0) {
        std::cout << name << ": " << gai_strerror(error) << std::endl;
        return;
    }
    auto* address = reinterpret_cast<sockaddr_in*>(found->ai_addr);
    std::cout << name << " is " << inet_ntoa(address->sin_addr) << std::endl;
    freeaddrinfo(found);
}

}  // namespace

int main()
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(53);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        return 1;
    std::thread(serve, fd).detach();
    ask("good.example.com");
    ask("bad.example.com");
    return 0;
}
