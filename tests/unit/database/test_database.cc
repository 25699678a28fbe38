// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/database/test_database.hh"

#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>
#include <vector>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <soci/mysql/soci-mysql.h>

namespace unikernel::test
{

namespace
{

using namespace std::chrono_literals;

/// A real mariadbd of this program's own, which takes connections at a socket in a folder alone.
class Server
{
public:
    static Server& instance()
    {
        static Server server;
        return server;
    }
    std::string socket() const { return (folder_.path() / "socket").string(); }
    void execute(const std::string& sql) const
    {
        soci::session session(soci::mysql, "user=root unix_socket='" + socket() + "'");
        session << sql;
    }

private:
    Server()
    {
        const auto data = "--datadir=" + (folder_.path() / "data").string();
        if (wait(start({"mariadb-install-db", "--no-defaults", data,
                        "--auth-root-authentication-method=normal", "--skip-test-db",
                        "--user=" + account()})) != 0)
            throw std::runtime_error("mariadb-install-db: " + log());
        process_ = start({"mariadbd", "--no-defaults", data, "--user=" + account(), "--socket=" + socket(),
                          "--skip-networking", "--performance-schema=OFF", "--innodb-buffer-pool-size=32M",
                          "--innodb-log-file-size=16M", "--innodb-flush-log-at-trx-commit=0",
                          "--innodb-flush-method=nosync", "--innodb-doublewrite=0", "--debug-no-sync",
                          "--sync-frm=OFF", "--innodb-file-per-table=OFF"});
        for (const auto deadline = std::chrono::steady_clock::now() + 30s;;) {
            try {
                execute("DO 1");
                return;
            } catch (const std::exception& problem) {
                if (std::chrono::steady_clock::now() > deadline || ::waitpid(process_, nullptr, WNOHANG) != 0)
                    throw std::runtime_error(std::string("mariadbd: ") + problem.what() + "\n" + log());
                std::this_thread::sleep_for(20ms);
            }
        }
    }
    ~Server()
    {
        ::kill(process_, SIGKILL);  // nobody wants its data
        wait(process_);
    }

    static std::string account() { return ::geteuid() == 0 ? "root" : std::to_string(::geteuid()); }
    std::string log() const
    {
        std::ifstream file(folder_.path() / "log");
        return {std::istreambuf_iterator<char>(file), {}};
    }
    pid_t start(std::vector<std::string> command) const
    {
        std::vector<char*> arguments;
        for (auto& argument : command)
            arguments.push_back(argument.data());
        arguments.push_back(nullptr);
        const auto file = (folder_.path() / "log").string();
        const pid_t child = ::fork();
        if (child == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // should the test be killed
            if (::freopen(file.c_str(), "a", stderr) != nullptr && ::dup2(2, 1) == 1)
                ::execvp(arguments[0], arguments.data());
            ::_exit(127);
        }
        return child;
    }
    static int wait(pid_t process)
    {
        int status = -1;
        ::waitpid(process, &status, 0);
        return status;
    }

    TemporaryDirectory folder_ = std::move(*TemporaryDirectory::create());
    pid_t process_ = -1;
};

}  // namespace

TestDatabase::TestDatabase(EngineKind kind)
{
    if (kind == EngineKind::sqlite) {
        location_.file = folder_.path() / "with space.sqlite";
        return;
    }
    static std::atomic<int> count{0};
    location_.user = "root";
    location_.socket = Server::instance().socket();
    location_.name = "test_" + std::to_string(++count);
    Server::instance().execute("CREATE DATABASE " + location_.name);
}

TestDatabase::~TestDatabase()
{
    if (!location_.name.empty())
        Server::instance().execute("DROP DATABASE " + location_.name);
}

std::unique_ptr<Engine> TestDatabase::engine() const
{
    return location_.file.empty() ? mariadb_engine(location_) : sqlite_engine(location_.file);
}

std::unique_ptr<Database> TestDatabase::open() const
{
    auto opened = Database::open(engine());
    if (!opened)
        throw std::runtime_error(opened.error().message);
    return std::move(*opened);
}

void TestDatabase::execute(const std::string& sql) const
{
    *engine()->connect() << sql;
}

}  // namespace unikernel::test
