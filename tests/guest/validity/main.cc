// SPDX-License-Identifier: Apache-2.0
// A server that says what its clock says, and sets the machine's own when asked to: an application runs in
// ring 0.
#include <arpa/inet.h>
#include <cstdio>
#include <ctime>
#include <string>
#include <sys/io.h>
#include <sys/socket.h>
#include <unistd.h>

namespace
{

/// The year of the real-time clock, two digits in BCD, as hypervisors keep it.
void set_year(unsigned char bcd)
{
    outb(9, 0x70);
    outb(bcd, 0x71);
}

/// Says each minute of the machine's time that it is still there.
void watch()
{
    for (int minute = 0;; ++minute) {
        std::printf("minute %d\n", minute);
        std::fflush(stdout);
        sleep(60);
    }
}

/// Never calls the system again.
void spin()
{
    std::puts("spinning");
    std::fflush(stdout);
    for (;;)
        asm volatile("");
}

/// Each byte is a command or is sent back.
void serve(int client)
{
    for (char command; read(client, &command, 1) == 1;) {
        if (command == 'b')
            set_year(0x01);
        else if (command == 'f')
            set_year(0x99);
        if (write(client, &command, 1) != 1)
            return;
    }
}

void listen_for_ever()
{
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(8080);
    bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen(listener, 5);
    for (;;) {
        const int client = accept(listener, nullptr, nullptr);
        serve(client);
        close(client);
    }
}

}  // namespace

int main(int count, char** words)
{
    const std::string mode = count > 1 ? words[1] : "";
    std::printf("application: %s\n", mode.c_str());
    std::fflush(stdout);
    if (mode == "back")
        set_year(0x01);
    if (mode == "watch" || mode == "back")
        watch();
    if (mode == "spin")
        spin();
    if (mode == "exit")
        return 7;
    listen_for_ever();
}
