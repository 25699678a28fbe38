// SPDX-License-Identifier: Apache-2.0
#include "head.hh"

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace u0::http_guard;

namespace
{

struct Parsed {
    Status status = Status::none;
    Head head;
    std::string bytes;  ///< what passes
};

std::span<unsigned char> bytes_of(std::string& text)
{
    return {reinterpret_cast<unsigned char*>(text.data()), text.size()};
}

/// The views of `head` are only good as long as `text` is.
Parsed parse(std::string& text)
{
    Parsed result;
    std::size_t scanned = 0;
    const HeadEnd end = find_head_end(bytes_of(text), scanned, 8192);
    result.status = end.refused;
    if (end.refused != Status::none)
        return result;
    EXPECT_EQ(end.size, text.size());
    result.status = parse_head(bytes_of(text), result.head);
    if (result.status == Status::none)
        result.bytes = text.substr(result.head.skip);
    return result;
}

Status status_of(std::string text)
{
    return parse(text).status;
}

Status with_fields(const std::string& fields)
{
    return status_of("POST / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n");
}

TEST(Head, is_parsed)
{
    std::string text =
        "POST /a/b?q HTTP/1.1\r\nHost: example:80\r\nauthorization:  Basic abc= \r\n"
        "CONTENT-LENGTH: 0012\r\nConnection: keep-alive, Close\r\nExpect: 100-continue\r\n\r\n";
    const std::string before = text;
    const Parsed parsed = parse(text);
    ASSERT_EQ(parsed.status, Status::none);
    EXPECT_EQ(parsed.head.method, "POST");
    EXPECT_EQ(parsed.head.path, "/a/b");
    EXPECT_EQ(parsed.head.authorization, "Basic abc=");
    EXPECT_EQ(parsed.head.body, BodyKind::length);
    EXPECT_EQ(parsed.head.content_length, 12U);
    EXPECT_TRUE(parsed.head.close);
    EXPECT_TRUE(parsed.head.expects_continue);
    EXPECT_FALSE(parsed.head.http_1_0);
    EXPECT_EQ(parsed.bytes, before);
}

TEST(Head, passes_with_the_normalised_target)
{
    const std::pair<const char*, const char*> cases[] = {
        {"GET //x/..//%70rivate?a=%2e HTTP/1.1", "GET /private?a=%2e HTTP/1.1"},
        {"GET http://h/a/../b HTTP/1.1", "GET /b HTTP/1.1"},
        {"GET http://h HTTP/1.1", "GET / HTTP/1.1"},
        {"GET http://h?q HTTP/1.1", "GET /?q HTTP/1.1"},
        {"GET HTTPS://H/ HTTP/1.0", "GET / HTTP/1.0"},
        {"OPTIONS * HTTP/1.1", "OPTIONS * HTTP/1.1"},
    };
    for (const auto& [given, expected] : cases) {
        std::string text = std::string(given) + "\r\nHost: h\r\nA: b\r\n\r\n";
        const Parsed parsed = parse(text);
        EXPECT_EQ(parsed.status, Status::none) << given;
        EXPECT_EQ(parsed.bytes, std::string(expected) + "\r\nHost: h\r\nA: b\r\n\r\n");
        // Again: the same.
        std::string passed = parsed.bytes;
        EXPECT_EQ(parse(passed).bytes, parsed.bytes);
    }
}

TEST(Head, refuses_malformed_request_lines)
{
    const std::string cases[] = {
        "GET /",  // HTTP/0.9
        "GET / ",
        "GET",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET\t/\tHTTP/1.1",
        "GET / x HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1",
        "GET / HTTP/1.10",
        "GET / HTTP/01.1",
        "GET / HTTP/a.b",
        "G(T / HTTP/1.1",
        "/ HTTP/1.1",
        "GET private HTTP/1.1",
        "GET http://u@h/ HTTP/1.1",
        "GET http://other/ HTTP/1.1",  // not what Host says
        "GET ftp://h/ HTTP/1.1",
        "GET * HTTP/1.1",
        "GET /a%2fb HTTP/1.1",
        "GET /#f HTTP/1.1",
        std::string("GET /\0 HTTP/1.1", 15),
        "GET /\r HTTP/1.1",
        "GET /\x0b HTTP/1.1",
        std::string(33, 'A') + " / HTTP/1.1",
    };
    for (const std::string& line : cases)
        EXPECT_EQ(status_of(line + "\r\nHost: h\r\n\r\n"), Status::bad_request) << line;
    EXPECT_EQ(status_of("PRI * HTTP/2.0\r\n\r\n"), Status::version_not_supported);
    EXPECT_EQ(status_of("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), Status::version_not_supported);
    EXPECT_EQ(status_of("GET / HTTP/0.9\r\nHost: h\r\n\r\n"), Status::version_not_supported);
    EXPECT_EQ(status_of("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n"), Status::not_implemented);
    EXPECT_EQ(status_of("connect h:1 HTTP/1.1\r\nHost: h\r\n\r\n"), Status::not_implemented);
}

TEST(Head, refuses_malformed_fields)
{
    const std::string cases[] = {
        " folded: x\r\n",
        "A: b\r\n folded\r\n",
        "A: b\r\n\tfolded\r\n",
        "A : b\r\n",
        "A\t: b\r\n",
        ": b\r\n",
        "no colon\r\n",
        "A(: b\r\n",
        "A\x80: b\r\n",
        "A: b\x7f\r\n",
        "A: b\x01\r\n",
        std::string("A: \0b\r\n", 7),
        "A: b\rc\r\n",
        "A: b\r\r\n",
        "A: b\n",
        "A: b\nC: d\r\n",
        "\n",
        "Content_Length: 5\r\n",
        "Transfer_Encoding: chunked\r\n",
        "Transfer_encoding: chunked\r\n",
        "Host_: x\r\nHOST: h\r\n",
    };
    for (const std::string& fields : cases)
        EXPECT_EQ(with_fields(fields), Status::bad_request) << fields;
    EXPECT_EQ(with_fields("A: caf\xc3\xa9\tx\r\nEmpty:\r\nX_Y: z\r\n"), Status::none);
}

TEST(Head, wants_one_host)
{
    EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), Status::bad_request);
    EXPECT_EQ(status_of("GET / HTTP/1.0\r\n\r\n"), Status::none);
    EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost:\r\n\r\n"), Status::none);
    EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), Status::none);
    EXPECT_EQ(with_fields("Host: h\r\n"), Status::bad_request);
    EXPECT_EQ(status_of("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), Status::bad_request);
    for (const char* host : {"a b", "a/b", "a@b", "a,b", "a?b", "a\\b", "a#b"})
        EXPECT_EQ(status_of(std::string("GET / HTTP/1.1\r\nHost: ") + host + "\r\n\r\n"), Status::bad_request)
            << host;
}

TEST(Head, refuses_ambiguous_framing)
{
    const char* cases[] = {
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\ncontent-length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: 5,6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5a\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length:\r\n",
        "Content-Length: 9999999999999999999\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: chunked,\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding: \x0b"
        "chunked\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Authorization: Basic a\r\nAuthorization: Basic b\r\n",
    };
    for (const char* fields : cases)
        EXPECT_EQ(with_fields(fields), Status::bad_request) << fields;
    EXPECT_EQ(with_fields("Transfer-Encoding: Chunked\r\n"), Status::none);
    EXPECT_EQ(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), Status::bad_request);
}

TEST(Head, refuses_content_that_means_nothing)
{
    for (const char* method : {"GET", "HEAD", "TRACE", "get"}) {
        const std::string begin = std::string(method) + " / HTTP/1.1\r\nHost: h\r\n";
        EXPECT_EQ(status_of(begin + "Content-Length: 1\r\n\r\n"), Status::bad_request) << method;
        EXPECT_EQ(status_of(begin + "Transfer-Encoding: chunked\r\n\r\n"), Status::bad_request) << method;
        EXPECT_EQ(status_of(begin + "Content-Length: 0\r\n\r\n"), Status::none) << method;
    }
}

TEST(Head, disarms_upgrades_but_to_websocket)
{
    std::string text =
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nupgrade: websocket\r\nUPGRADE: websocket, h2c\r\n\r\n";
    const Parsed parsed = parse(text);
    ASSERT_EQ(parsed.status, Status::none);
    EXPECT_TRUE(parsed.head.upgrade);
    EXPECT_EQ(
        parsed.bytes,
        "GET / HTTP/1.1\r\nHost: h\r\nIgnored: h2c\r\nupgrade: websocket\r\nIgnored: websocket, h2c\r\n\r\n");
    std::string other = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\n\r\n";
    EXPECT_FALSE(parse(other).head.upgrade);
}

TEST(HeadEnd, is_found_in_any_pieces)
{
    std::string text = "GET / HTTP/1.1\r\nHost: h\r\n\r\nrest\r\n\r\n";
    const std::size_t end = text.find("rest");
    for (std::size_t first = 1; first < end; ++first) {
        std::size_t scanned = 0;
        EXPECT_EQ(find_head_end(bytes_of(text).first(first), scanned, 8192).size, 0U);
        EXPECT_EQ(scanned, first);
        const HeadEnd found = find_head_end(bytes_of(text), scanned, 8192);
        EXPECT_EQ(found.size, end);
        EXPECT_EQ(found.refused, Status::none);
    }
}

TEST(HeadEnd, refuses_a_bare_line_feed_and_too_much)
{
    const auto refused = [](std::string text, std::size_t limit) {
        std::size_t scanned = 0;
        return find_head_end(bytes_of(text), scanned, limit).refused;
    };
    EXPECT_EQ(refused("GET / HTTP/1.1\n", 100), Status::bad_request);
    EXPECT_EQ(refused("GET / HTTP/1.1\r\nA: b\n\r\n", 100), Status::bad_request);
    EXPECT_EQ(refused(std::string(100, 'A'), 100), Status::uri_too_long);
    EXPECT_EQ(refused("GET / HTTP/1.1\r\n" + std::string(100, 'A'), 100), Status::fields_too_large);
    EXPECT_EQ(refused("GET / HTTP/1.1\r\n" + std::string(78, 'A') + "\r\n\r\n", 100), Status::none);
    EXPECT_EQ(refused("GET / HTTP/1.1\r\n" + std::string(81, 'A') + "\r\n\r\n", 100),
              Status::fields_too_large);
}

TEST(Head, is_presentable_without_what_others_must_not_know)
{
    EXPECT_EQ(presentable("GET /a/b HTTP/1.1\r\nHost: h\r\n"), "GET /a/b HTTP/1.1");
    EXPECT_EQ(presentable("GET /a@b?word=secret HTTP/1.1\r\n"), "GET /a@b");
    EXPECT_EQ(presentable("GET http://h/a?word=secret HTTP/1.1\r\n"), "GET http://h/a");
    EXPECT_EQ(presentable("CONNECT h:443 HTTP/1.1\r\n"), "CONNECT h:443 HTTP/1.1");
    for (const std::string_view line :
         {"GET http://user:secret@h/ HTTP/1.1\r\n", "GET http://user:sec?ret@h/ HTTP/1.1\r\n",
          "GET http://user:sec/ret@h/ HTTP/1.1\r\n", "GET user:secret@h HTTP/1.1\r\n", "GET http://user:secr",
          "GET "})
        EXPECT_EQ(presentable(line), "GET") << line;
    EXPECT_EQ(presentable("\x16\x03"), "\x16\x03");
    EXPECT_EQ(presentable(""), "");
}

}  // namespace
