// SPDX-License-Identifier: Apache-2.0
// Random pipelines of requests, valid and damaged, in random segments, before servers with bad habits.
#include "fake_stream.hh"
#include "naive_server.hh"
#include "test_credentials.hh"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>

using namespace u0::http_guard;

namespace
{

/// Printed with each failure; UNIKERNEL_TEST_SEED repeats or varies a run.
unsigned seed()
{
    const char* const given = std::getenv("UNIKERNEL_TEST_SEED");
    return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : 20261121U;
}

class Generator
{
public:
    explicit Generator(std::mt19937& random) : random_(random) {}

    std::size_t below(std::size_t n) { return random_() % n; }

    /// Some requests one after another; with `damage` some bytes of them are changed.
    std::string pipeline(bool with_password, bool damage)
    {
        std::string text;
        for (std::size_t n = 1 + below(5); n != 0; --n)
            text += request(with_password);
        for (std::size_t n = damage ? 1 + below(3) : 0; n != 0; --n)
            spoil(text);
        return text;
    }

private:
    template <std::size_t N>
    const char* one_of(const char* const (&list)[N])
    {
        return list[below(N)];
    }

    std::string path()
    {
        static const char* const parts[] = {
            "/private", "/private", "/open",      "/",        "//",          "/..",
            "/.",       "/%2e%2e",  "/%70rivate", "/PRIVATE", "/%252e%252e", "/%2570rivate",
            ";x",       "/..;",     "%3b",        "%20",      "%2f",         "/x",
            "%5c",      "%",        "/privat%65", "?private", "%253b",       "%3f"};
        std::string text = below(12) == 0 ? "http://h" : "";
        text += one_of({"/private", "/open", "/", "//private"});
        for (std::size_t n = below(4); n != 0; --n)
            text += one_of(parts);
        return text;
    }

    std::string body_and_its_field(std::string& fields)
    {
        const std::string content =
            below(2) == 0 ? std::string(below(40), 'x') : "GET /private HTTP/1.1\r\nHost: h\r\n\r\n";
        switch (below(3)) {
        case 0:
            return "";
        case 1:
            fields += "Content-Length: " + std::to_string(content.size()) + "\r\n";
            return content;
        default:
            fields += "Transfer-Encoding: chunked\r\n";
            char size[20];
            std::snprintf(size, sizeof size, "%zx\r\n", content.size());
            return (content.empty() ? "" : size + content + "\r\n") + "0\r\n\r\n";
        }
    }

    std::string request(bool with_password)
    {
        const std::string method = one_of({"GET", "GET", "POST", "HEAD", "PUT", "get", "OPTIONS"});
        std::string fields = "Host: h\r\n";
        if (below(6) == 0)
            fields +=
                one_of({"Connection: close\r\n", "Expect: 100-continue\r\n", "Upgrade: h2c\r\n", " fold\r\n",
                        "Content-Length: 7\r\n", "Transfer-Encoding: gzip\r\n", "Content_Length: 3\r\n"});
        if (below(3) == 0)
            fields += "Authorization: " +
                      basic_header("staff", with_password && below(2) == 0 ? "right" : "wrong") + "\r\n";
        std::string body;
        if (method == "POST" || method == "PUT" || below(10) == 0)
            body = body_and_its_field(fields);
        return method + " " + path() + (below(15) == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n") + fields +
               "\r\n" + body;
    }

    void spoil(std::string& text)
    {
        static const std::string bytes("\0\r\n\t :;%/.,?#x0\x80\xff", 18);
        const std::size_t at = below(text.size());
        const char c = bytes[below(bytes.size())];
        switch (below(4)) {
        case 0:
            text.erase(at, 1);
            break;
        case 1:
            text.insert(at, 1, c);
            break;
        case 2:
            text[at] = c;
            break;
        default:
            text.insert(at, text.substr(below(text.size()), below(30)));
        }
        if (text.empty())
            text.push_back('x');
    }

    std::mt19937& random_;
};

struct Outcome {
    std::string passed, sent;
    bool finished = false, aborted = false;
    friend bool operator==(const Outcome&, const Outcome&) = default;
    friend std::ostream& operator<<(std::ostream& out, const Outcome& outcome)
    {
        return out << (outcome.finished  ? "finished"
                       : outcome.aborted ? "aborted"
                                         : "open")
                   << "\n--- passed\n"
                   << outcome.passed << "\n--- sent\n"
                   << outcome.sent;
    }
};

class GuardProperty : public testing::Test
{
protected:
    /// The pipeline before a server with these habits; `piece` gives the size of the next segment.
    template <typename Piece>
    Outcome run(const std::string& pipeline, const NaiveServer::Habits& habits, bool reuse, Piece piece)
    {
        Settings settings{
            .policy = {true, credentials_, resources_}, .realm = "r", .reuse_after_body = reuse};
        auto memory = std::make_unique<Memory>();
        Guard guard(settings, *memory);
        FakeStream stream(guard);
        NaiveServer server(habits);
        const auto work = [&] {
            std::string answers;
            do {
                stream.idle();
                answers = server.serve(stream.passed);
                stream.write(answers);
            } while (!answers.empty());
        };
        for (std::size_t at = 0; at < pipeline.size();) {
            const std::size_t size = piece(pipeline.size() - at);
            stream.arrive(pipeline.substr(at, size));
            at += size;
            work();
        }
        if (!stream.over())
            stream.close_by_peer();
        work();
        return {stream.passed, stream.sent, stream.finished, stream.aborted};
    }

    NaiveServer::Habits some_habits(Generator& generate)
    {
        return {generate.below(2) == 0, generate.below(2) == 0, generate.below(2) == 0,
                generate.below(3) == 0};
    }

    static std::size_t count(const std::string& text, const std::string& part)
    {
        std::size_t n = 0;
        for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
            ++n;
        return n;
    }

    const std::array<Credential, 1> credentials_{{basic("staff", "right")}};
    const std::array<Resource, 1> resources_{{{"/private", {}, 1}}};
    std::mt19937 random_{seed()};
    static constexpr int rounds = 8000;
};

TEST_F(GuardProperty, strangers_never_learn_the_secret)
{
    Generator generate(random_);
    for (int round = 0; round < rounds; ++round) {
        const std::string pipeline = generate.pipeline(false, generate.below(2) == 0);
        const NaiveServer::Habits habits = some_habits(generate);
        // A server that ignores bodies is safe only with the default.
        const bool reuse = !habits.ignores_bodies && generate.below(2) == 0;
        const Outcome outcome =
            run(pipeline, habits, reuse, [&](std::size_t rest) { return 1 + generate.below(rest); });
        ASSERT_EQ(outcome.sent.find(NaiveServer::secret), std::string::npos)
            << "seed " << seed() << ", round " << round << "\n--- pipeline\n"
            << pipeline << "\n--- passed\n"
            << outcome.passed;
    }
}

TEST_F(GuardProperty, the_secret_costs_a_password_each_time)
{
    Generator generate(random_);
    const std::string password = basic_header("staff", "right");
    std::size_t told = 0;
    for (int round = 0; round < rounds; ++round) {
        const std::string pipeline = generate.pipeline(true, generate.below(4) == 0);
        const NaiveServer::Habits habits = some_habits(generate);
        const Outcome outcome = run(pipeline, habits, false, [](std::size_t rest) { return rest; });
        const std::size_t secrets = count(outcome.sent, NaiveServer::secret);
        ASSERT_LE(secrets, count(pipeline, password)) << "seed " << seed() << ", round " << round << "\n"
                                                      << pipeline;
        told += secrets;
    }
    EXPECT_GT(told, 100U) << "the test has to see allowed requests as well";
}

TEST_F(GuardProperty, segments_change_nothing)
{
    Generator generate(random_);
    for (int round = 0; round < rounds; ++round) {
        const std::string pipeline = generate.pipeline(true, generate.below(2) == 0);
        NaiveServer::Habits habits = some_habits(generate);
        habits.ignores_bodies = false;
        const bool reuse = generate.below(2) == 0;
        const Outcome whole = run(pipeline, habits, reuse, [](std::size_t rest) { return rest; });
        const Outcome pieces = run(pipeline, habits, reuse, [&](std::size_t rest) {
            return 1 + generate.below(std::min<std::size_t>(rest, 30));
        });
        const Outcome bytes = run(pipeline, habits, reuse, [](std::size_t) { return 1; });
        ASSERT_EQ(whole.sent, pieces.sent) << "seed " << seed() << ", round " << round << "\n" << pipeline;
        ASSERT_EQ(whole, pieces) << "seed " << seed() << ", round " << round << "\n" << pipeline;
        ASSERT_EQ(whole, bytes) << "seed " << seed() << ", round " << round << "\n" << pipeline;
    }
}

}  // namespace
