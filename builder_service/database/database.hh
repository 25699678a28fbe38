// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>

#include <soci/soci.h>

#include "common/util/result.hh"

namespace unikernel
{

/// The service's one database, which its repositories share; each of them holds all SQL of its own
/// tables. SQLite is what it knows today. Thread-safe.
class Database
{
public:
    /// Creates the file or brings its tables up to date. Errors: internal; conflict, when a newer
    /// version of the program wrote it.
    static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file);
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    /// Runs `work(soci::session&)` in one transaction under the lock and turns exceptions into
    /// failures: no_space when the disk is full, else internal. `durable`: on the disk, also after
    /// a power cut, when this returns. Without it a power cut may lose the last transactions, a
    /// killed process never does.
    template <typename Work>
    auto transact(bool durable, Work work) -> Result<std::invoke_result_t<Work, soci::session&>>
    {
        const std::scoped_lock lock(mutex_);
        try {
            sql_ << (durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
            soci::transaction transaction(sql_);
            if constexpr (std::is_void_v<std::invoke_result_t<Work, soci::session&>>) {
                work(sql_);
                transaction.commit();
                return {};
            } else {
                auto result = work(sql_);
                transaction.commit();
                return result;
            }
        } catch (const std::exception& problem) {
            return tl::unexpected(failure_of(problem));
        }
    }

private:
    explicit Database(const std::filesystem::path& file);
    static Failure failure_of(const std::exception& problem);

    std::mutex mutex_;
    soci::session sql_;
};

}  // namespace unikernel
