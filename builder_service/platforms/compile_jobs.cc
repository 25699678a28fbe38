// SPDX-License-Identifier: Apache-2.0
#include "builder_service/platforms/compile_jobs.hh"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "builder_service/platforms/header_record.hh"
#include "builder_service/sandbox/sandbox.hh"
#include "common/util/file.hh"

namespace unikernel
{

namespace
{

constexpr std::uint64_t largest_object = 256ULL << 20;

struct Done {
    std::size_t index;
    std::string printed;
    std::optional<Failure> failure;
};

/// What the objects of one application take on the disk. Thread-safe.
class ObjectBudget
{
public:
    explicit ObjectBudget(std::uint64_t limit) : limit_(limit) {}
    Result<void> spend(std::uint64_t bytes)
    {
        if (spent_.fetch_add(bytes) + bytes <= limit_) {
            return {};
        }
        return fail(FailureKind::invalid, "the application's objects are larger than " +
                                              std::to_string(limit_) +
                                              " bytes together; make it smaller, or large data a file that "
                                              "is read when it runs");
    }

private:
    const std::uint64_t limit_;
    std::atomic<std::uint64_t> spent_ = 0;
};

/// Compiles one job and moves its object into the cache. What a sandbox left is only taken if it is a
/// regular file of sane size (read_file does not follow links).
Result<std::filesystem::path> compile_one(const CompileJob& job, const ObjectCache& cache,
                                          const std::filesystem::path& folder, OutputBudget& budget,
                                          ObjectBudget& objects, const std::stop_token& stop,
                                          std::string& printed)
{
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) {
        return tl::unexpected(system_failure(folder.string(), error.value()));
    }
    const std::filesystem::path object_file = folder / "object.o";
    if (Result<void> made = job.tenant ? make_output(object_file, job.user) : Result<void>{}; !made) {
        return tl::unexpected(made.error());
    }
    const auto begin = std::filesystem::file_time_type::clock::now();
    Result<std::string> output = run_tool(job.tool(folder), "compiling " + job.name, budget, stop);
    if (!output) {
        if (output.error().kind == FailureKind::invalid && !job.tenant) {
            return fail(FailureKind::internal,
                        job.name + " does not compile, which is no fault of the application:\n" +
                            output.error().message);
        }
        return tl::unexpected(output.error());
    }
    printed = std::move(*output);
    const Result<std::string> object = read_file(object_file, largest_object);
    if (!object || object->empty()) {
        return fail(FailureKind::internal, "compiling " + job.name + " left no object: " +
                                               (object ? "the file is empty" : object.error().message));
    }
    if (Result<void> within = job.tenant ? objects.spend(object->size()) : Result<void>{}; !within) {
        return tl::unexpected(within.error());
    }
    Result<std::filesystem::path> stored = store_object(job, cache, folder / "object.d", begin, *object);
    std::filesystem::remove(object_file, error);  // there is no use for it, and the disk is everybody's
    return stored;
}

class Workers
{
public:
    Workers(const std::vector<CompileJob>& jobs, const std::vector<std::size_t>& missing,
            const std::optional<PrecompiledHeader>& header, const ObjectCache& cache,
            const std::filesystem::path& scratch, OutputBudget& budget, std::uint64_t objects_limit)
        : jobs_(jobs), missing_(missing), header_(header), cache_(cache), scratch_(scratch), budget_(budget),
          objects_(objects_limit)
    {
        const bool wanted =
            std::any_of(missing.begin(), missing.end(), [&](std::size_t i) { return jobs[i].precompiled; });
        if (header && wanted) {
            header_state_ = HeaderState::missing;
        }
    }

    /// Ends when all is done or the first failure has stopped what was under way.
    std::optional<Failure> run(std::vector<std::filesystem::path>& paths,
                               const std::function<void(std::string_view)>& log, const std::stop_token& stop)
    {
        const std::stop_callback forward(stop, [this] { halt_.request_stop(); });
        const std::size_t count =
            std::min<std::size_t>(missing_.size(), std::max(1U, std::thread::hardware_concurrency()));
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < count; ++i) {
            threads.emplace_back([this, &paths] { work(paths); });
        }
        std::optional<Failure> first;
        for (std::size_t received = 0; received < missing_.size(); ++received) {
            std::unique_lock lock(mutex_);
            arrived_.wait(lock, [&] { return done_.size() > received; });
            const Done done = done_[received];
            lock.unlock();
            if (done.failure && !first) {
                first = done.failure;  // later ones are mostly "cancelled"
                halt_.request_stop();
            } else if (!done.failure) {
                log("compiled " + jobs_[done.index].name);
                report(done.printed, log);
            }
        }
        return first;
    }

private:
    static void report(const std::string& printed, const std::function<void(std::string_view)>& log)
    {
        for (std::size_t begin = 0; begin < printed.size();) {
            const std::size_t end = std::min(printed.find('\n', begin), printed.size());
            log(std::string_view(printed).substr(begin, end - begin));
            begin = end + 1;
        }
    }

    Result<void> make_header()
    {
        HeaderDigests digests;
        std::optional<std::filesystem::path> path = find_object(header_->job, cache_, digests);
        if (!path) {
            std::string printed;
            const Result<std::filesystem::path> made = compile_one(
                header_->job, cache_, scratch_ / "header", budget_, objects_, halt_.get_token(), printed);
            if (!made) {
                return tl::unexpected(made.error());
            }
            path = *made;
        }
        std::error_code error;
        std::filesystem::create_symlink(*path, header_->place, error);
        return error ? tl::unexpected(system_failure(header_->place.string(), error.value()))
                     : Result<void>{};
    }

    /// Whoever comes first makes it; others do what does not need it meanwhile.
    void care_for_header()
    {
        std::unique_lock lock(mutex_);
        if (header_state_ != HeaderState::missing) {
            return;
        }
        header_state_ = HeaderState::being_made;
        lock.unlock();
        Result<void> made = make_header();
        lock.lock();
        header_made_ = std::move(made);
        header_state_ = HeaderState::settled;
        header_ended_.notify_all();
    }

    Result<void> wait_for_header()
    {
        std::unique_lock lock(mutex_);
        header_ended_.wait(lock, [this] { return header_state_ == HeaderState::settled; });
        return header_made_;
    }

    void work(std::vector<std::filesystem::path>& paths)
    {
        care_for_header();
        for (std::size_t turn = next_++; turn < missing_.size(); turn = next_++) {
            const std::size_t index = missing_[turn];
            Done done{index, {}, std::nullopt};
            const Result<void> header = jobs_[index].precompiled ? wait_for_header() : Result<void>{};
            Result<std::filesystem::path> path =
                header ? compile_one(jobs_[index], cache_, scratch_ / std::to_string(index), budget_,
                                     objects_, halt_.get_token(), done.printed)
                       : tl::unexpected(header.error());
            if (path) {
                paths[index] = std::move(*path);
            } else {
                done.failure = path.error();
            }
            const std::scoped_lock lock(mutex_);
            done_.push_back(std::move(done));
            arrived_.notify_one();
        }
    }

    const std::vector<CompileJob>& jobs_;
    const std::vector<std::size_t>& missing_;
    const std::optional<PrecompiledHeader>& header_;
    const ObjectCache& cache_;
    const std::filesystem::path& scratch_;
    OutputBudget& budget_;
    ObjectBudget objects_;
    std::stop_source halt_;
    std::atomic<std::size_t> next_ = 0;
    std::mutex mutex_;
    std::condition_variable arrived_, header_ended_;
    std::vector<Done> done_;
    enum class HeaderState { missing, being_made, settled };  // settled: made, failed or not wanted
    HeaderState header_state_ = HeaderState::settled;
    Result<void> header_made_;
};

}  // namespace

Result<CompiledObjects> compile(const std::vector<CompileJob>& jobs,
                                const std::optional<PrecompiledHeader>& header, const ObjectCache& cache,
                                const std::filesystem::path& scratch, OutputBudget& budget,
                                const std::function<void(std::string_view)>& log, const std::stop_token& stop,
                                std::uint64_t objects_limit)
{
    CompiledObjects result;
    result.paths.resize(jobs.size());
    std::vector<std::size_t> missing;
    HeaderDigests digests;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (std::optional<std::filesystem::path> found = find_object(jobs[i], cache, digests)) {
            result.paths[i] = std::move(*found);
        } else {
            missing.push_back(i);
        }
    }
    // The tenant's own first: his mistakes show soonest, and his units are the slowest. Last, what has to
    // wait.
    const auto order = [&](std::size_t i) { return jobs[i].tenant ? 0 : jobs[i].precompiled ? 2 : 1; };
    std::stable_sort(missing.begin(), missing.end(),
                     [&](std::size_t a, std::size_t b) { return order(a) < order(b); });
    if (std::optional<Failure> failure = Workers(jobs, missing, header, cache, scratch, budget, objects_limit)
                                             .run(result.paths, log, stop)) {
        return tl::unexpected(std::move(*failure));
    }
    result.compiled = static_cast<std::uint32_t>(missing.size());
    result.cached = static_cast<std::uint32_t>(jobs.size() - missing.size());
    return result;
}

}  // namespace unikernel
