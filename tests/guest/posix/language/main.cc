// SPDX-License-Identifier: Apache-2.0
// What an ordinary C++ program expects of its libraries.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <unordered_map>
#include <vector>

namespace
{

struct Noisy {
    ~Noisy() { std::cout << "destroyed while unwinding\n"; }
};

int deep(int depth)
{
    Noisy* none = nullptr;
    if (depth == 0)
        throw std::out_of_range("from the bottom");
    return deep(depth - 1) + (none != nullptr);
}

void exceptions()
{
    try {
        Noisy noisy;
        deep(20);
    } catch (const std::logic_error& error) {
        std::cout << "caught " << error.what() << '\n';
    }
    try {
        std::vector<int>().at(3);
    } catch (const std::exception&) {
        std::cout << "caught out_of_range of the library\n";
    }
}

void containers()
{
    std::unordered_map<std::string, int> words;
    std::istringstream text("one two three two three three");
    for (std::string word; text >> word;)
        ++words[word];
    std::map<std::string, int> sorted(words.begin(), words.end());
    for (const auto& [word, count] : sorted)
        std::cout << word << '=' << count << ' ';
    std::vector<int> numbers(1000);
    std::iota(numbers.begin(), numbers.end(), 1);
    std::cout << std::accumulate(numbers.begin(), numbers.end(), 0) << '\n';
}

void numbers()
{
    std::mt19937 generator(42);
    std::cout << "mt19937 " << generator() << ' ' << generator() << '\n';
    std::cout << std::fixed << std::setprecision(6) << std::sin(1.0) << ' ' << std::sqrt(2.0) << '\n';
    std::printf("%.3f %5d|%-5s|%x\n", 3.14159, 42, "ab", 255u);
    std::random_device device;
    std::cout << "random device differs " << (device() != device() || device() != device()) << '\n';
    std::cout << std::regex_replace("a1b22c", std::regex("[0-9]+"), "#") << '\n';
}

void files()
{
    namespace fs = std::filesystem;
    std::error_code error;
    std::cout << "exists " << fs::exists("/no/such/file") << '\n';
    (void)fs::file_size("/no/such/file", error);
    std::cout << "file_size: " << error.message() << '\n';
    std::ifstream in("/no/such/file");
    std::cout << "open " << in.is_open() << ' ' << (errno == ENOENT) << '\n';
    std::ofstream null("/dev/null");
    null << "nothing" << std::flush;
    std::cout << "/dev/null " << null.good() << '\n';
    std::ifstream random("/dev/urandom", std::ios::binary);
    char bytes[16] = {};
    random.read(bytes, sizeof bytes);
    std::cout << "/dev/urandom " << random.gcount() << '\n';
    char end = 0;
    std::cout << "stdin " << read(0, &end, 1) << '\n';
    iovec parts[] = {{const_cast<char*>("in two "), 7}, {const_cast<char*>("parts\n"), 6}};
    std::cout << std::flush;
    std::cout << "writev " << writev(1, parts, 2) << '\n';
}

void process(int argc, char** argv)
{
    std::cout << "arguments";
    for (int i = 1; i < argc; ++i)
        std::cout << ' ' << argv[i];
    std::cout << '\n';
    setenv("COLOUR", "blue", 1);
    std::cout << "environment " << std::getenv("COLOUR") << '\n';
    utsname name{};
    std::cout << "uname " << uname(&name) << ' ' << name.sysname << ' ' << name.machine << '\n';
    rlimit limit{};
    std::cout << "rlimit " << getrlimit(RLIMIT_NOFILE, &limit) << ' ' << (limit.rlim_cur >= 64) << '\n';
    struct stat status {
    };
    std::cout << "fstat " << fstat(1, &status) << ' ' << (status.st_mode != 0) << '\n';
    std::cout << "close " << close(77) << ' ' << (errno == EBADF) << '\n';
    std::cout << "page " << sysconf(_SC_PAGESIZE) << '\n';
}

}  // namespace

int main(int argc, char** argv)
{
    std::atexit([] { std::cout << "atexit\n"; });
    exceptions();
    containers();
    numbers();
    files();
    process(argc, argv);
    return 0;
}
