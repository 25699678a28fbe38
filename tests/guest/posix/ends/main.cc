// SPDX-License-Identifier: Apache-2.0
// How a program may end, and what it cannot do. The argument says which.
#include <cassert>
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <pthread.h>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace
{

volatile int sink;

int recurse(int depth)
{
    if (depth < 0)
        return 0;
    volatile char block[1000];
    block[depth % 1000] = static_cast<char>(depth);
    sink = block[(depth + 1) % 1000];
    return recurse(depth + 1) + block[depth % 1000];
}

/// Calls the system as if no libc were between.
void raw(const char* name, long number)
{
    long result = syscall(number, 0, 0, 0, 0, 0, 0);
    std::cout << name << ' ' << result << ' ' << std::strerror(errno) << std::endl;
}

void forbidden()
{
    for (int i = 0; i < 2; ++i)
        std::cout << "fork " << fork() << ' ' << std::strerror(errno) << std::endl;
    char* arguments[] = {const_cast<char*>("/bin/sh"), nullptr};
    std::cout << "execve " << execve("/bin/sh", arguments, nullptr) << ' ' << std::strerror(errno)
              << std::endl;
    pid_t child = 0;
    int spawned = posix_spawn(&child, "/bin/sh", nullptr, nullptr, arguments, nullptr);
    std::cout << "posix_spawn " << std::strerror(spawned) << std::endl;
    std::cout << "wait " << wait(nullptr) << ' ' << std::strerror(errno) << std::endl;
    std::cout << "ptrace " << ptrace(PTRACE_TRACEME, 0, 0, 0) << ' ' << std::strerror(errno) << std::endl;
    raw("inotify_init1", SYS_inotify_init1);
    raw("inotify_init1", SYS_inotify_init1);
    raw("nothing", 9999);
    std::cout << "socket " << socket(AF_INET, SOCK_STREAM, 0) << ' ' << std::strerror(errno) << std::endl;
}

std::jmp_buf back;
volatile std::sig_atomic_t seen;

void signals()
{
    std::signal(SIGUSR1, [](int signal) { seen = seen + signal; });
    std::raise(SIGUSR1);
    std::cout << "handler " << (seen == SIGUSR1) << std::endl;
    std::signal(SIGUSR2, [](int) { std::longjmp(back, 7); });
    if (int value = setjmp(back))
        std::cout << "longjmp " << value << std::endl;
    else
        std::raise(SIGUSR2);
    std::signal(SIGTERM, SIG_IGN);
    std::cout << "ignored " << std::raise(SIGTERM) << std::endl;
    std::cout << "child's end " << std::raise(SIGCHLD) << std::endl;
    std::cout << "another process " << kill(4711, SIGTERM) << ' ' << (errno == ESRCH) << std::endl;
    std::signal(SIGABRT, [](int) { std::cout << "abort handler" << std::endl; });
    std::abort();
}

const std::map<std::string, std::function<int()>> endings = {
    {"status", [] { return 3; }},
    {"exit", []() -> int { std::exit(4); }},
    {"quick",
     []() -> int {
         std::at_quick_exit([] { std::cout << "at_quick_exit" << std::endl; });
         std::quick_exit(5);
     }},
    {"thread-exits",
     [] {
         std::thread([] { std::exit(6); }).join();
         return 0;
     }},
    {"last-thread",
     [] {
         std::thread([] { std::cout << "still here" << std::endl; }).detach();
         pthread_exit(nullptr);
         return 0;
     }},
    {"abort", []() -> int { std::abort(); }},
    {"assert",
     [] {
         assert(sink == 17);
         return 0;
     }},
    {"uncaught", []() -> int { throw std::runtime_error("nobody catches this"); }},
    {"uncaught-in-thread",
     [] {
         std::thread([] { throw std::string("text"); }).join();
         return 0;
     }},
    {"terminate-signal", [] { return std::raise(SIGTERM); }},
    {"null", [] { return *reinterpret_cast<volatile int*>(sink); }},
    {"wild", [] { return *reinterpret_cast<volatile int*>(0x123456789000 + sink); }},
    {"write-constant",
     [] {
         const_cast<char*>("constant")[0] = 'x';
         return 0;
     }},
    {"execute-data",
     [] {
         static unsigned char code[] = {0xc3};
         reinterpret_cast<void (*)()>(code)();
         return 0;
     }},
    {"division",
     [] {
         volatile int many = 17;
         return many / sink;
     }},
    {"overflow", [] { return recurse(0); }},
    {"overflow-in-thread",
     [] {
         std::thread([] { sink = recurse(0); }).join();
         return 0;
     }},
    {"out-of-memory",
     []() -> int {
         std::vector<std::unique_ptr<std::string>> all;
         for (;;)
             all.push_back(std::make_unique<std::string>(100'000, 'x'));
     }},
    {"forbidden",
     [] {
         forbidden();
         return 0;
     }},
    {"random",
     [] {
         char bytes[16];
         const ssize_t at_once = getrandom(bytes, sizeof bytes, GRND_NONBLOCK);
         std::cout << "random at once " << (at_once < 0 ? -errno : at_once) << ' '
                   << getrandom(bytes, sizeof bytes, 0) << std::endl;
         return 0;
     }},
    {"signals",
     [] {
         signals();
         return 0;
     }},
};

}  // namespace

int main(int argc, char** argv)
{
    return argc == 2 ? endings.at(argv[1])() : 1;
}
