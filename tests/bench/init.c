// SPDX-License-Identifier: Apache-2.0
//
// Process 1 of the Linux virtual machine that the benchmark compares with: loads the
// drivers in /modules in the order of their names, gives the first network card the
// address `net.ip=A.B.C.D/N` of the kernel's command line, starts /app and reaps. It is
// this small so that the virtual machine is measured at its best, not a distribution's
// start-up scripts. When /app ends the machine powers off, as a unikernel does.

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void power_off(const char* reason)
{
    perror(reason);
    reboot(RB_POWER_OFF);
    for (;;)
        pause();
}

static void load_modules(void)
{
    struct dirent** entries;
    int count = scandir("/modules", &entries, NULL, alphasort);
    if (count < 0 || chdir("/modules") < 0)
        power_off("init: /modules");
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] == '.')
            continue;
        int fd = open(entries[i]->d_name, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0)
            power_off(entries[i]->d_name);
        close(fd);
    }
}

static struct sockaddr* ipv4(struct sockaddr* to, in_addr_t address)
{
    struct sockaddr_in value = {.sin_family = AF_INET, .sin_addr.s_addr = address};
    memcpy(to, &value, sizeof value);
    return to;
}

static void up(int fd, const char* interface)
{
    struct ifreq request = {.ifr_flags = IFF_UP};
    strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        power_off(interface);
}

static void configure_network(void)
{
    char line[4096] = "";
    if (mount("proc", "/proc", "proc", 0, NULL) < 0)
        power_off("init: /proc");
    int file = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, line, sizeof line - 1) < 0)
        power_off("init: /proc/cmdline");
    close(file);

    char *word = strstr(line, "net.ip="), address[INET_ADDRSTRLEN];
    unsigned prefix;
    if (!word || sscanf(word, "net.ip=%15[0-9.]/%u", address, &prefix) != 2 || prefix > 32)
        power_off("init: net.ip=ADDRESS/PREFIX is missing on the command line");

    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "eth0"};
    ipv4(&request.ifr_addr, inet_addr(address));
    if (ioctl(fd, SIOCSIFADDR, &request) < 0)
        power_off("init: eth0 address");
    ipv4(&request.ifr_netmask, htonl(prefix ? ~0u << (32 - prefix) : 0));
    if (ioctl(fd, SIOCSIFNETMASK, &request) < 0)
        power_off("init: eth0 netmask");
    up(fd, "eth0");
    up(fd, "lo");
    close(fd);
}

int main(void)
{
    load_modules();
    configure_network();
    pid_t app = fork();
    if (app == 0) {
        execl("/app", "/app", NULL);
        perror("init: /app");
        _exit(127);
    }
    for (;;) {
        pid_t ended = wait(NULL);
        if (ended == app || ended < 0)
            power_off("init: /app ended");
    }
}
