// SPDX-License-Identifier: Apache-2.0
#include "fake_stream.hh"
#include "test_credentials.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

using namespace u0::http_guard;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

namespace
{

const std::string open_request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string anonymous = "GET /private HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

std::string with_password(const std::string& password, const std::string& path = "/private")
{
    return "GET " + path + " HTTP/1.1\r\nHost: h\r\nAuthorization: " + basic_header("staff", password) +
           "\r\n\r\n";
}

class GuardTest : public testing::Test
{
protected:
    void TearDown() override
    {
        stream_.reset();
        EXPECT_EQ(allocated_blocks(), 0);
    }

    FakeStream& stream() { return *stream_; }

    /// Sends and lets slow verifications end.
    void send(const std::string& bytes)
    {
        stream().arrive(bytes);
        stream().idle();
    }

    void expect_refused(const std::string& request, const std::string& status)
    {
        stream_ = std::make_unique<FakeStream>(guard_);
        send(request);
        EXPECT_THAT(stream().sent, StartsWith("HTTP/1.1 " + status)) << request;
        EXPECT_EQ(stream().passed, "") << request;
    }

    void expect_ended_with(const std::string& request, const std::string& status)
    {
        expect_refused(request, status);
        EXPECT_TRUE(stream().finished) << request;
        EXPECT_THAT(stream().sent, HasSubstr("Connection: close\r\n")) << request;
    }

    const std::array<Credential, 2> credentials_{{basic("staff", "right"), bearer("token")}};
    const std::array<std::string_view, 1> writing_{"POST"};
    const std::array<Resource, 4> resources_{
        {{"/private", {}, 1}, {"/robots", {}, 2}, {"/closed", {}, 0}, {"/form", writing_, 3}}};
    Settings settings_{.policy = {true, credentials_, resources_}, .realm = "staff"};
    Memory memory_;
    Guard guard_{settings_, memory_};
    std::unique_ptr<FakeStream> stream_ = std::make_unique<FakeStream>(guard_);
};

TEST_F(GuardTest, passes_what_is_open)
{
    send(open_request);
    EXPECT_EQ(stream().passed, open_request);
    EXPECT_TRUE(stream().write(ok));
    EXPECT_EQ(stream().sent, ok);
    EXPECT_FALSE(stream().over());
}

TEST_F(GuardTest, asks_for_credentials)
{
    send(anonymous);
    EXPECT_EQ(stream().sent,
              "HTTP/1.1 401 Unauthorized\r\n"
              "WWW-Authenticate: Basic realm=\"staff\", charset=\"UTF-8\"\r\n"
              "Content-Type: text/plain\r\nCache-Control: no-store\r\nContent-Length: 17\r\n\r\n"
              "401 Unauthorized\n");
    EXPECT_EQ(stream().passed, "");
    EXPECT_FALSE(stream().over());
    expect_refused("GET /robots HTTP/1.1\r\nHost: h\r\n\r\n", "401");
    EXPECT_THAT(stream().sent, AllOf(HasSubstr("Bearer realm=\"staff\"\r\n"), Not(HasSubstr("Basic"))));
    expect_refused("POST /form HTTP/1.1\r\nHost: h\r\n\r\n", "401");
    EXPECT_THAT(stream().sent, AllOf(HasSubstr("Bearer realm"), HasSubstr("Basic realm")));
    expect_refused("GET /private HTTP/1.1\r\nHost: h\r\nAuthorization: Digest x\r\n\r\n", "401");
}

TEST_F(GuardTest, forbids_wrong_and_unaccepted_credentials)
{
    expect_refused(with_password("wrong"), "403");
    EXPECT_THAT(stream().sent, Not(HasSubstr("WWW-Authenticate")));
    EXPECT_FALSE(stream().over());
    expect_refused(with_password("right", "/robots"), "403");
    expect_refused(with_password("right", "/closed"), "403");
    expect_refused("GET /closed HTTP/1.1\r\nHost: h\r\n\r\n", "403");
    expect_refused("GET /private HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer token\r\n\r\n", "403");
    expect_refused("GET /private HTTP/1.1\r\nHost: h\r\nAuthorization: Basic !\r\n\r\n", "403");
}

TEST_F(GuardTest, lets_the_right_ones_in)
{
    stream().arrive(with_password("right"));
    EXPECT_EQ(stream().passed, "") << "before it was verified";
    stream().idle();
    EXPECT_EQ(stream().passed, with_password("right"));
    EXPECT_TRUE(stream().write(ok));
    // Remembered: without a verification.
    stream().arrive(with_password("right", "/private/x"));
    EXPECT_EQ(stream().passed, with_password("right") + with_password("right", "/private/x"));
    EXPECT_TRUE(stream().write(ok));
    stream().arrive("GET /robots HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer token\r\n\r\n");
    stream().idle();
    EXPECT_THAT(stream().passed, EndsWith("Authorization: Bearer token\r\n\r\n"));
}

TEST_F(GuardTest, wrong_credentials_do_not_matter_where_none_are_asked_for)
{
    send(with_password("wrong", "/open"));
    EXPECT_EQ(stream().passed, with_password("wrong", "/open"));
}

TEST_F(GuardTest, denies_the_unlisted_when_told_to)
{
    settings_.policy.unlisted_allowed = false;
    expect_refused(open_request, "401");
    expect_refused(with_password("wrong", "/"), "403");
    stream_ = std::make_unique<FakeStream>(guard_);
    send(with_password("right", "/"));
    EXPECT_EQ(stream().passed, with_password("right", "/"));
    expect_refused("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "401");
}

TEST_F(GuardTest, the_application_sees_the_normalised_target)
{
    send("GET http://h/x/..//%6fpen?%2e HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(stream().passed, "GET /open?%2e HTTP/1.1\r\nHost: h\r\n\r\n");
    for (const char* path : {"//private", "/./private", "/x/../private", "/%70rivate", "/x/%2e%2e/private",
                             "/%2570rivate", "/PRIVATE", "/private;a", "http://h/private", "/private?x"})
        expect_refused(std::string("GET ") + path + " HTTP/1.1\r\nHost: h\r\n\r\n", "401");
    // A head that was rewritten waits for its verification in its new form.
    stream_ = std::make_unique<FakeStream>(guard_);
    send(with_password("right", "//x/..//private"));
    EXPECT_EQ(stream().passed, with_password("right"));
}

TEST_F(GuardTest, a_head_may_come_in_pieces)
{
    const std::string request = with_password("right");
    for (const char c : request) {
        EXPECT_EQ(stream().passed, "");
        stream().arrive(std::string(1, c));
    }
    stream().idle();
    EXPECT_EQ(stream().passed, request);
}

TEST_F(GuardTest, the_next_request_waits_for_the_answer)
{
    send(open_request + anonymous + open_request);
    EXPECT_EQ(stream().passed, open_request);
    EXPECT_EQ(stream().sent, "");
    EXPECT_TRUE(stream().write(ok.substr(0, 20)));
    EXPECT_EQ(stream().sent, ok.substr(0, 20));
    EXPECT_TRUE(stream().write(ok.substr(20)));
    EXPECT_THAT(stream().sent, StartsWith(ok + "HTTP/1.1 401"));
    EXPECT_EQ(stream().passed, open_request + open_request);
    EXPECT_TRUE(stream().write(ok));
    EXPECT_THAT(stream().sent, EndsWith("401 Unauthorized\n" + ok));
    EXPECT_FALSE(stream().over());
}

TEST_F(GuardTest, known_heads_pass_again_and_similar_ones_do_not)
{
    for (int i = 0; i < 3; ++i) {
        send(with_password("right"));
        EXPECT_TRUE(stream().write(ok));
    }
    EXPECT_EQ(stream().sent, ok + ok + ok);
    send(with_password("wrong"));  // the same size
    EXPECT_THAT(stream().sent, HasSubstr("403 Forbidden"));
    EXPECT_EQ(stream().passed, with_password("right") + with_password("right") + with_password("right"));
    // Another connection profits, with the same bytes only.
    stream_ = std::make_unique<FakeStream>(guard_);
    stream().arrive(with_password("right"));
    EXPECT_EQ(stream().passed, with_password("right"));
}

TEST_F(GuardTest, known_heads_keep_their_body_and_method)
{
    settings_.reuse_after_body = true;
    const std::string post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n";
    const std::string head = "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";
    const std::string head_answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
    for (int i = 0; i < 2; ++i) {
        send(post + "abc" + head + anonymous);
        EXPECT_THAT(stream().passed, EndsWith(post + "abc"));
        EXPECT_TRUE(stream().write(ok));
        EXPECT_THAT(stream().passed, EndsWith(head));
        EXPECT_TRUE(stream().write(head_answer));
        EXPECT_THAT(stream().sent,
                    AllOf(HasSubstr(head_answer + "HTTP/1.1 401"), EndsWith("401 Unauthorized\n")));
    }
}

TEST_F(GuardTest, bodies_pass_whole_and_nothing_behind_them)
{
    settings_.reuse_after_body = true;
    const std::string big(100'000, 'x');
    const std::string length = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n";
    send(length + big.substr(0, 50'000));
    send(big.substr(50'000) + anonymous);
    EXPECT_EQ(stream().passed, length + big);
    EXPECT_TRUE(stream().write(ok));
    EXPECT_THAT(stream().sent, HasSubstr("401 Unauthorized"));

    stream_ = std::make_unique<FakeStream>(guard_);
    const std::string chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "5\r\nhello\r\n1b\r\nGET /private HTTP/1.1\r\n\r\n--\r\n0\r\n\r\n";
    for (const char c : chunked + anonymous)
        stream().arrive(std::string(1, c));
    EXPECT_EQ(stream().passed, chunked);
    EXPECT_TRUE(stream().write(ok));
    EXPECT_THAT(stream().sent, HasSubstr("401 Unauthorized"));
}

TEST_F(GuardTest, a_request_with_content_is_the_last_by_default)
{
    send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab" + open_request);
    EXPECT_TRUE(stream().write(ok));
    stream().idle();
    EXPECT_EQ(stream().sent, ok);
    EXPECT_TRUE(stream().finished);
    EXPECT_THAT(stream().passed, EndsWith("\r\n\r\nab"));
}

TEST_F(GuardTest, an_application_that_takes_a_body_for_a_request_cannot_answer_it)
{
    for (const bool reuse : {false, true}) {
        settings_.reuse_after_body = reuse;
        for (const bool at_once : {false, true}) {
            stream_ = std::make_unique<FakeStream>(guard_);
            send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(anonymous.size()) +
                 "\r\n\r\n" + anonymous);
            EXPECT_THAT(stream().passed, EndsWith(anonymous));
            const std::string secret = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret";
            if (at_once) {
                EXPECT_FALSE(stream().write(ok + secret));
            } else {
                EXPECT_TRUE(stream().write(ok));
                EXPECT_FALSE(stream().write(secret));
            }
            EXPECT_THAT(stream().sent, Not(HasSubstr("secret")));
            EXPECT_TRUE(stream().over());
        }
    }
}

TEST_F(GuardTest, an_early_answer_to_an_unfinished_body_ends_the_connection)
{
    send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nab");
    EXPECT_TRUE(stream().write(ok));
    stream().idle();
    EXPECT_TRUE(stream().finished);
    EXPECT_EQ(stream().sent, ok);
}

TEST_F(GuardTest, skips_the_body_of_a_refused_request)
{
    send("POST /private HTTP/1.1\r\nHost: h\r\nContent-Length: 28\r\n\r\n");
    EXPECT_THAT(stream().sent, AllOf(HasSubstr("401"), Not(HasSubstr("close"))));
    send(anonymous.substr(0, 28) + open_request);
    EXPECT_EQ(stream().passed, open_request);
    EXPECT_TRUE(stream().write(ok));
    send("POST /private HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" +
         open_request);
    EXPECT_EQ(stream().passed, open_request + open_request);
}

TEST_F(GuardTest, does_not_skip_more_than_a_little)
{
    const std::string begin = "POST /private HTTP/1.1\r\nHost: h\r\n";
    expect_ended_with(begin + "Content-Length: 65537\r\n\r\n", "401");
    expect_ended_with(begin + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", "401");
    expect_ended_with(begin + "Content-Length: 5\r\nConnection: close\r\n\r\n", "401");
    expect_ended_with("GET /private HTTP/1.0\r\n\r\n", "401");
    expect_refused(begin + "Transfer-Encoding: chunked\r\n\r\n", "401");
    EXPECT_FALSE(stream().over());
    for (int i = 0; i < 65 && !stream().over(); ++i)
        send("400\r\n" + std::string(1024, 'x') + "\r\n");
    EXPECT_TRUE(stream().finished);
    expect_refused(begin + "Transfer-Encoding: chunked\r\n\r\nnonsense", "401");
    EXPECT_TRUE(stream().finished);
}

TEST_F(GuardTest, a_refused_head_request_gets_no_content)
{
    send("HEAD /private HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(stream().sent,
                AllOf(StartsWith("HTTP/1.1 401"), HasSubstr("Content-Length: 17"), EndsWith("\r\n\r\n")));
}

TEST_F(GuardTest, ends_with_400_what_is_ambiguous)
{
    const std::string begin = "POST / HTTP/1.1\r\nHost: h\r\n";
    expect_ended_with(begin + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "400");
    expect_ended_with(begin + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "400");
    expect_ended_with(begin + "Transfer-Encoding: xchunked\r\n\r\n", "400");
    expect_ended_with("GET /a%2fb HTTP/1.1\r\nHost: h\r\n\r\n", "400");
    expect_ended_with("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", "400");
    expect_ended_with("GET / HTTP/1.1\n", "400");
    expect_ended_with("\x16\x03\x01", "400");  // TLS
    expect_ended_with("\nGET / HTTP/1.1\r\n", "400");
    expect_ended_with("\rGET / HTTP/1.1\r\n", "400");
    expect_ended_with(" GET / HTTP/1.1\r\n", "400");
    expect_ended_with("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505");
    expect_ended_with("CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", "501");
}

TEST_F(GuardTest, tells_nothing_of_a_body_that_it_refuses)
{
    expect_ended_with("GET /a b\r\n\r\n", "400");
    EXPECT_EQ(last_refused_head().substr(0, 6), "GET /a");
    stream_ = std::make_unique<FakeStream>(guard_);
    send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nsecret=of the body");
    EXPECT_THAT(stream().sent, StartsWith("HTTP/1.1 400"));
    EXPECT_EQ(last_refused_head(), "");
}

TEST_F(GuardTest, a_broken_chunk_ends_it)
{
    const std::string begin = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello";
    send(begin + "X\r\n0\r\n\r\n" + anonymous);
    EXPECT_THAT(stream().sent, StartsWith("HTTP/1.1 400"));
    EXPECT_TRUE(stream().finished);
    EXPECT_THAT(begin, StartsWith(stream().passed));
    stream_ = std::make_unique<FakeStream>(guard_);
    send(begin);
    EXPECT_TRUE(stream().write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
    send("X");
    EXPECT_TRUE(stream().aborted) << "the application had begun to answer";
}

TEST_F(GuardTest, empty_lines_before_a_request_are_dropped)
{
    send("\r\n\r\n\r");
    send("\n" + open_request);
    EXPECT_EQ(stream().passed, open_request);
}

TEST_F(GuardTest, heads_have_a_limit)
{
    expect_ended_with("GET /" + std::string(9000, 'a'), "414");
    expect_ended_with("GET / HTTP/1.1\r\nA: " + std::string(9000, 'a'), "431");
    expect_ended_with("GET /" + std::string(3000, ';') + " HTTP/1.1\r\nHost: h\r\n\r\n", "414");
}

TEST_F(GuardTest, bodies_have_a_limit)
{
    settings_.body_limit = 10;
    expect_refused("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n", "413");
    stream_ = std::make_unique<FakeStream>(guard_);
    send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\nhello!");
    EXPECT_THAT(stream().sent, StartsWith("HTTP/1.1 413"));
    EXPECT_TRUE(stream().finished);
    EXPECT_THAT(stream().passed, Not(HasSubstr("hello!")));
}

TEST_F(GuardTest, half_a_request_times_out)
{
    send("GET / HTTP/1.1\r\n");
    stream().tick(1'000'000'000);
    stream().tick(10'900'000'000);
    EXPECT_FALSE(stream().over());
    stream().tick(11'000'000'000);
    EXPECT_THAT(stream().sent, StartsWith("HTTP/1.1 408"));
    EXPECT_TRUE(stream().finished);
}

TEST_F(GuardTest, a_drip_of_bytes_does_not_help)
{
    std::uint64_t now = 1;
    for (const char c : open_request) {
        stream().arrive(std::string(1, c));
        stream().tick(now += 1'000'000'000);
    }
    EXPECT_THAT(stream().sent, StartsWith("HTTP/1.1 408"));
}

TEST_F(GuardTest, silence_times_out_only_before_the_first_request)
{
    stream().tick(1);
    stream().tick(20'000'000'000);
    EXPECT_TRUE(stream().finished);
    EXPECT_EQ(stream().sent, "");
    stream_ = std::make_unique<FakeStream>(guard_);
    send(open_request);
    stream().tick(1);
    stream().tick(20'000'000'000);
    EXPECT_TRUE(stream().write(ok));
    stream().tick(40'000'000'000);
    stream().tick(60'000'000'000);
    EXPECT_FALSE(stream().over());
}

TEST_F(GuardTest, a_refused_body_that_does_not_come_times_out)
{
    send("POST /private HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
    stream().tick(1);
    stream().tick(20'000'000'000);
    EXPECT_TRUE(stream().finished);
}

TEST_F(GuardTest, guessing_ends_the_connection)
{
    for (int i = 0; i < Guard::failures_limit; ++i) {
        EXPECT_FALSE(stream().over());
        send(with_password("guess" + std::to_string(i)));
    }
    EXPECT_TRUE(stream().finished);
    EXPECT_EQ(stream().passed, "");
}

TEST_F(GuardTest, guesses_wait_in_line_and_others_are_served)
{
    std::vector<std::unique_ptr<FakeStream>> guessers;
    for (std::size_t i = 0; i <= Guard::waiting_limit; ++i) {
        guessers.push_back(std::make_unique<FakeStream>(guard_));
        guessers.back()->arrive(with_password("wrong" + std::to_string(i)));
    }
    EXPECT_THAT(guessers.back()->sent, AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("Retry-After: 1\r\n")));
    stream().arrive(open_request);
    EXPECT_EQ(stream().passed, open_request);
    guard_.poll();          // one is being verified
    guessers[0] = nullptr;  // and goes
    guessers[5] = nullptr;  // and one from the middle of the line
    stream().idle();
    for (std::size_t i = 0; i < Guard::waiting_limit; ++i) {
        if (guessers[i]) {
            EXPECT_THAT(guessers[i]->sent, StartsWith("HTTP/1.1 403")) << i;
            EXPECT_EQ(guessers[i]->passed, "");
        }
    }
}

TEST_F(GuardTest, a_switched_protocol_is_a_tunnel)
{
    const std::string upgrade =
        "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    const std::string switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    for (int i = 0; i < 2; ++i) {
        stream_ = std::make_unique<FakeStream>(guard_);
        send(upgrade + "frame");
        EXPECT_EQ(stream().passed, upgrade);
        EXPECT_TRUE(stream().write(switched));
        EXPECT_EQ(stream().passed, upgrade + "frame");
        EXPECT_TRUE(stream().write("frames of the application"));
        send(anonymous);
        EXPECT_THAT(stream().passed, EndsWith(anonymous));
    }
    stream_ = std::make_unique<FakeStream>(guard_);
    send(open_request);
    EXPECT_FALSE(stream().write(switched)) << "nobody asked for it";
    EXPECT_TRUE(stream().aborted);
}

TEST_F(GuardTest, an_application_that_speaks_unasked_is_stopped)
{
    EXPECT_FALSE(stream().write("220 welcome\r\n"));
    EXPECT_TRUE(stream().finished);
    EXPECT_EQ(stream().sent, "");
    stream_ = std::make_unique<FakeStream>(guard_);
    send(open_request);
    EXPECT_TRUE(stream().write(ok));
    EXPECT_FALSE(stream().write(ok));
    EXPECT_EQ(stream().sent, ok);
}

TEST_F(GuardTest, an_answer_without_end_is_the_last)
{
    send(open_request + open_request);
    EXPECT_TRUE(stream().write("HTTP/1.1 200 OK\r\n\r\nuntil close"));
    EXPECT_TRUE(stream().write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    EXPECT_EQ(stream().passed, open_request);
}

TEST_F(GuardTest, the_peer_may_close_its_half)
{
    send(open_request);
    stream().close_by_peer();
    EXPECT_FALSE(stream().over());
    EXPECT_TRUE(stream().write(ok));
    EXPECT_EQ(stream().sent, ok);
    stream_ = std::make_unique<FakeStream>(guard_);
    send("GET / HTTP/1.1\r\n");
    stream().close_by_peer();
    EXPECT_THAT(stream().sent, StartsWith("HTTP/1.1 400"));
    stream_ = std::make_unique<FakeStream>(guard_);
    send("\r");
    stream().close_by_peer();
    EXPECT_TRUE(stream().finished);
    stream_ = std::make_unique<FakeStream>(guard_);
    send(with_password("right"));
    EXPECT_TRUE(stream().write(ok));
    stream().arrive(with_password("wrong"));
    stream().close_by_peer();
    stream().idle();
    EXPECT_THAT(stream().sent, HasSubstr("403"));
}

TEST_F(GuardTest, without_memory_nothing_passes)
{
    {
        const NoMemory none;
        stream().arrive(open_request);
        EXPECT_TRUE(stream().aborted);
    }
    for (const std::string& request : {open_request, anonymous, std::string("junk\n")}) {
        stream_ = std::make_unique<FakeStream>(guard_);
        stream().refuse_memory = true;
        stream().arrive(request);
        EXPECT_TRUE(stream().aborted);
        EXPECT_EQ(stream().passed, "");
    }
    for (const char* field : {"Content-Length: 999999999999", "Transfer-Encoding: chunked"}) {
        stream_ = std::make_unique<FakeStream>(guard_);
        stream().arrive(std::string("POST / HTTP/1.1\r\nHost: h\r\n") + field + "\r\n\r\n");
        stream().refuse_to_pass = true;
        stream().arrive("5\r\nhello\r\n");
        EXPECT_TRUE(stream().aborted);
        EXPECT_THAT(stream().passed, EndsWith("\r\n\r\n"));
    }
}

}  // namespace
