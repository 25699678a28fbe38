// SPDX-License-Identifier: Apache-2.0
#include "response.hh"

#include <gtest/gtest.h>

#include <string>

using namespace u0::http_guard;

namespace
{

/// How many bytes belong to the response, fed in pieces; -1: it has no end.
int taken(std::string_view text, std::size_t piece, bool to_head = false)
{
    ResponseMemo memo;
    ResponseTracker tracker;
    int first = 0;
    // Twice, so that what was remembered is used too.
    for (int round = 0; round < 2; ++round) {
        tracker.start(to_head);
        std::size_t at = 0;
        while (at < text.size() && !tracker.complete()) {
            const std::string_view part = text.substr(at, piece);
            at += tracker.feed({reinterpret_cast<const unsigned char*>(part.data()), part.size()}, memo);
        }
        const int result = tracker.complete() ? static_cast<int>(at) : -1;
        if (round == 0)
            first = result;
        else
            EXPECT_EQ(result, first) << "remembered otherwise: " << text;
    }
    return first;
}

TEST(Response, ends_where_its_framing_says)
{
    const std::string_view responses[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nA: b\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 \r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        "HTTP/1.1 200 OK\r\nX: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n"
        "Content-Length: 5\r\n\r\nhello",
    };
    for (const std::string_view response : responses)
        for (std::size_t piece = 1; piece < 200; ++piece)
            ASSERT_EQ(taken(std::string(response) + "more", piece), static_cast<int>(response.size()))
                << response << " by " << piece;
}

TEST(Response, to_head_has_no_content)
{
    const std::string_view response = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    for (std::size_t piece = 1; piece < 50; ++piece)
        EXPECT_EQ(taken(std::string(response) + "HTTP", piece, true), static_cast<int>(response.size()));
}

TEST(Response, has_no_end_when_its_framing_is_unclear)
{
    const std::string_view responses[] = {
        "hello",
        "HTTP/2 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    };
    for (const std::string_view response : responses)
        for (const std::size_t piece : {1U, 7U, 1000U})
            EXPECT_EQ(taken(std::string(response) + "\r\n\r\nmore", piece), -1)
                << response << " by " << piece;
}

TEST(Response, remembered_heads_do_not_confuse_similar_ones)
{
    ResponseMemo memo;
    const auto length_of = [&](const std::string& text) {
        ResponseTracker tracker;
        tracker.start(false);
        const std::size_t n =
            tracker.feed({reinterpret_cast<const unsigned char*>(text.data()), text.size()}, memo);
        return tracker.complete() ? static_cast<int>(n) : -1;
    };
    for (int round = 0; round < 3; ++round)
        for (int length = 0; length < 20; ++length) {
            const std::string text =
                "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
            EXPECT_EQ(length_of(text + std::string(30, 'x')), static_cast<int>(text.size()) + length);
        }
}

TEST(EqualWords, sees_every_byte)
{
    for (std::size_t size = 0; size < 100; ++size) {
        std::string a(size, 'a');
        const auto data = [](std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); };
        std::string b = a;
        EXPECT_TRUE(equal_words(data(a), data(b), size));
        for (std::size_t i = 0; i < size; ++i) {
            b[i] = 'b';
            EXPECT_FALSE(equal_words(data(a), data(b), size)) << i << " of " << size;
            b[i] = 'a';
        }
    }
}

}  // namespace
