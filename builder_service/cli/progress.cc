// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/progress.hh"

#include <algorithm>
#include <condition_variable>
#include <iostream>

#include <sys/ioctl.h>
#include <unistd.h>

namespace unikernel::cli
{

namespace
{

constexpr std::chrono::milliseconds redraw_interval{100};
constexpr std::size_t name_width = 9;

std::size_t terminal_width()
{
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

std::string padded(std::string_view name)
{
    return std::string(name) + std::string(name_width - std::min(name_width, name.size()), ' ');
}

std::chrono::milliseconds since(Progress::Clock::time_point begin)
{
    return std::chrono::duration_cast<std::chrono::milliseconds>(Progress::Clock::now() - begin);
}

}  // namespace

Progress::Progress(const Output& output) : output_(output)
{
    if (output_.terminal() && !output_.quiet()) {
        ticker_ = std::jthread([this](const std::stop_token& stop) {
            std::mutex mutex;
            std::condition_variable_any never;
            std::unique_lock lock(mutex);
            while (!never.wait_for(lock, stop, redraw_interval, [] { return false; }) &&
                   !stop.stop_requested()) {
                const std::lock_guard guard(mutex_);
                draw();
            }
        });
    }
}

Progress::~Progress()
{
    if (ticker_.joinable()) {
        ticker_.request_stop();
        ticker_.join();
    }
    erase();
}

void Progress::draw()
{
    if (!current_) {
        return;
    }
    std::string line = "  " + padded(to_string(*current_)) + human_time(since(phase_begin_)) + "  " + what_;
    line.resize(std::min(line.size(), terminal_width() - 1));
    std::cerr << "\r\033[K" << line << std::flush;
    drawn_ = true;
}

void Progress::erase()
{
    if (drawn_) {
        std::cerr << "\r\033[K" << std::flush;
        drawn_ = false;
    }
}

void Progress::end_phase(bool good)
{
    if (!current_) {
        return;
    }
    const auto duration = since(phase_begin_);
    finished_.emplace_back(*current_, duration);
    erase();
    if (output_.terminal()) {
        output_.note((good ? "  " : "x ") + padded(to_string(*current_)) + human_time(duration) + "  " +
                     what_);
    }
    current_.reset();
}

void Progress::phase(Phase phase, std::string_view what)
{
    const std::lock_guard lock(mutex_);
    end_phase(true);
    current_ = phase;
    what_ = printable(what);
    phase_begin_ = Clock::now();
    if (!output_.terminal()) {
        output_.note(padded(to_string(phase)) + what_);
    }
}

void Progress::log(std::string_view line)
{
    const std::lock_guard lock(mutex_);
    if (output_.quiet()) {
        held_back_.push_back(printable(line));
        return;
    }
    erase();
    output_.note("  | " + printable(line));
}

void Progress::warning(std::string_view text)
{
    const std::lock_guard lock(mutex_);
    erase();
    output_.note("warning: " + printable(text));
}

void Progress::finish(bool good)
{
    const std::lock_guard lock(mutex_);
    end_phase(good);
    if (!good) {
        for (const std::string& line : held_back_) {
            std::cerr << "  | " << line << "\n";
        }
    }
}

std::chrono::milliseconds Progress::total() const
{
    return since(begin_);
}

}  // namespace unikernel::cli
