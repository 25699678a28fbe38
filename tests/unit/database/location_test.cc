// SPDX-License-Identifier: Apache-2.0
#include "builder_service/database/location.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace unikernel
{
namespace
{

using testing::HasSubstr;
using testing::Not;

TEST(DatabaseUrl, is_read_as_other_services_of_openstack_write_it)
{
    const auto read = parse_database_url(
        "mysql+pymysql://builder:p%40ss:%2F@db.example:3307/unikernel?charset=utf8&ssl_ca=/etc/ca.pem"
        "&ssl_cert=/c&ssl_key=/k&plugin=dbcounter");
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->user, "builder");
    EXPECT_EQ(read->password, "p@ss:/");
    EXPECT_EQ(read->host, "db.example");
    EXPECT_EQ(read->port, 3307);
    EXPECT_EQ(read->name, "unikernel");
    EXPECT_EQ(read->ssl_ca, "/etc/ca.pem");
    EXPECT_EQ(read->ssl_key, "/k");
    EXPECT_EQ(read->url(), "mysql://builder@db.example:3307/unikernel");
}

TEST(DatabaseUrl, may_name_a_socket_an_address_or_a_file)
{
    const auto socket = parse_database_url("mysql://builder@/unikernel?unix_socket=/run/mysqld/mysqld.sock");
    ASSERT_TRUE(socket) << socket.error().message;
    EXPECT_EQ(socket->socket, "/run/mysqld/mysqld.sock");
    EXPECT_EQ(socket->url(), "mysql://builder@/unikernel?unix_socket=/run/mysqld/mysqld.sock");
    const auto address = parse_database_url("mariadb://u@[::1]:3308/d");
    ASSERT_TRUE(address) << address.error().message;
    EXPECT_EQ(address->host, "::1");
    EXPECT_EQ(address->url(), "mysql://u@[::1]:3308/d");
    EXPECT_EQ(parse_database_url("sqlite:////var/lib/x.sqlite")->file, "/var/lib/x.sqlite");
}

TEST(DatabaseUrl, that_is_wrong_is_refused_without_telling_the_password)
{
    const auto refusal = [](std::string_view url) {
        const auto read = parse_database_url(url);
        EXPECT_FALSE(read) << url;
        EXPECT_THAT(read.error().message, Not(HasSubstr("secret")));
        return read ? std::string() : read.error().message;
    };
    EXPECT_THAT(refusal(""), HasSubstr("the form is mysql://"));
    EXPECT_THAT(refusal("postgresql://u:secret@h/d"), HasSubstr("'postgresql' is no kind of database"));
    EXPECT_THAT(refusal("mysql://h/d"), HasSubstr("names no user"));
    EXPECT_THAT(refusal("mysql://u:secret@h"), HasSubstr("names no database"));
    EXPECT_THAT(refusal("mysql://u:secret@/d"), HasSubstr("neither a host nor a unix_socket"));
    EXPECT_THAT(refusal("mysql://u:secret@h:99999/d"), HasSubstr("'99999' is no port"));
    EXPECT_THAT(refusal("mysql://u:secret%4@h/d"), HasSubstr("write % as %25"));
    EXPECT_THAT(refusal("mysql://u:secret@h/d?ssl_caa=/x"), HasSubstr("unknown option 'ssl_caa'"));
    EXPECT_THAT(refusal("mysql://u:secret@h/d?charset=latin1"), HasSubstr("utf8mb4 alone"));
    EXPECT_THAT(refusal("mysql://u:secret@h/d?ssl_cert=/c&ssl_key=/k"), HasSubstr("need ssl_ca"));
    EXPECT_THAT(refusal("sqlite://relative"), HasSubstr("no absolute path"));
}

}  // namespace
}  // namespace unikernel
