// SPDX-License-Identifier: Apache-2.0
#include "body.hh"

#include <gtest/gtest.h>

#include <string>

using namespace u0::http_guard;

namespace
{

std::span<const unsigned char> bytes_of(std::string_view text)
{
    return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

/// Bytes taken when fed in pieces of `piece`, or -1 when it was found broken.
int taken(BodyKind kind, std::uint64_t length, std::string_view text, std::size_t piece)
{
    BodyReader body;
    body.start(kind, length);
    std::size_t at = 0;
    while (at < text.size() && !body.done() && !body.bad())
        at += body.feed(bytes_of(text.substr(at, piece)));
    if (body.bad())
        return -1;
    return body.done() ? static_cast<int>(at) : -2;
}

TEST(Body, of_known_length)
{
    BodyReader body;
    body.start(BodyKind::none, 0);
    EXPECT_TRUE(body.done());
    body.start(BodyKind::length, 0);
    EXPECT_TRUE(body.done());
    EXPECT_EQ(taken(BodyKind::length, 5, "12345GET", 3), 5);
    EXPECT_EQ(taken(BodyKind::length, 9, "12345GET", 3), -2);
}

TEST(Body, chunked_ends_where_it_ends)
{
    const std::string_view bodies[] = {
        "0\r\n\r\n",
        "5\r\nhello\r\n0\r\n\r\n",
        "A\r\n0123456789\r\n00a\r\n0123456789\r\n0000\r\n\r\n",
        "1;name=value;other=\"x y\"\r\nx\r\n0;last\r\n\r\n",
        "2\r\n\r\n\r\n0\r\n\r\n",
        "1\r\nx\r\n0\r\nTrailer: value\r\nOther:\r\n\r\n",
    };
    for (const std::string_view body : bodies)
        for (std::size_t piece = 1; piece < 10; ++piece)
            EXPECT_EQ(taken(BodyKind::chunked, 0, std::string(body) + "GET / HTTP/1.1\r\n", piece),
                      static_cast<int>(body.size()))
                << body << " by " << piece;
}

TEST(Body, refuses_broken_chunks)
{
    const std::string bodies[] = {
        "\r\n",
        "g\r\n",
        " 5\r\nhello",
        "5 \r\nhello",
        "0x5\r\nhello",
        "-1\r\n",
        "+1\r\nx",
        "5\nhello\r\n",
        "5\r\nhelloX",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\rX",
        "5;\nx",
        "5;a\x01\r\n",
        "5\r\rhello",
        "1000000000000000\r\n",
        "ffffffffffffffff\r\n",
        "0\r\n folded\r\n",
        "0\r\nno colon\r\n",
        "0\r\nA : b\r\n",
        "0\r\nA: b\n\r\n",
        "0\r\n\n",
        "0\r\n\rX",
        "0\r\nA: \x7f\r\n",
        "5;" + std::string(BodyReader::line_limit, 'x') + "\r\n",
        "0\r\nA: " + std::string(BodyReader::trailer_limit, 'x') + "\r\n\r\n",
    };
    for (const std::string& body : bodies)
        for (const std::size_t piece : {1U, 3U, 10'000U})
            EXPECT_EQ(taken(BodyKind::chunked, 0, body + "padding padding", piece), -1)
                << body << " by " << piece;
}

TEST(Body, counts_content_without_its_coding)
{
    BodyReader body;
    body.start(BodyKind::chunked, 0);
    body.feed(bytes_of("5;x\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n"));
    EXPECT_TRUE(body.done());
    EXPECT_EQ(body.seen(), 8U);
}

}  // namespace
