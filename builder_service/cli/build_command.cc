// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iostream>

#include "builder_service/cli/backend.hh"
#include "builder_service/cli/command.hh"
#include "builder_service/cli/documents.hh"
#include "builder_service/cli/interruption.hh"
#include "builder_service/cli/progress.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel::cli::build_command
{

namespace po = boost::program_options;
namespace fs = std::filesystem;

namespace
{

constexpr std::string_view help =
    R"(SOURCE is a folder, or a tar archive of one (plain, gzip or zstd), with the application's source and
a unikernel.yaml that says what to build. Security requirements only add to it or tighten it: if all of
them cannot be met together there is no image, and the text says why.

Secrets are sealed before anything leaves this process. A file may hold, in place of a secret,
{from_env: NAME} or {from_file: PATH}.

Examples:
  unikernel build examples/hello-web --local
  unikernel build examples/hello-web --requirement examples/requirements/staff-only.yaml --output hello.img
  unikernel build hello.tar.gz --spec other.yaml --no-boot-check --json
)";

po::options_description options()
{
    po::options_description options;
    options.add_options()("spec", po::value<std::string>()->value_name("FILE"),
                          "image specification; else the source's unikernel.yaml")(
        "requirement,r", po::value<std::vector<std::string>>()->value_name("FILE"),
        "a security requirement; may be given several times")(
        "output,o", po::value<std::string>()->value_name("FILE"), "also write the image to this file")(
        "no-boot-check", "do not boot the image once before it is stored");
    options.add(builder_options());
    return options;
}

/// Everything the user names, read and sealed. `work`: folder of ours.
Result<BuildJob> read_job(const po::variables_map& values, const fs::path& work)
{
    const fs::path source = values["SOURCE"].as<std::string>();
    const auto bundle = prepare_bundle(source, work);
    if (!bundle) {
        return tl::unexpected(bundle.error());
    }
    const fs::path spec_file =
        values.count("spec") != 0 ? fs::path(values["spec"].as<std::string>()) : bundle->spec;
    if (spec_file.empty()) {
        return fail(FailureKind::not_found,
                    source.native() +
                        ": there is no unikernel.yaml in it, which says what to build; write one or "
                        "name another file with --spec");
    }
    BuildJob job;
    job.bundle = bundle->archive;
    job.boot_check = values.count("no-boot-check") == 0;
    auto spec = read_document(spec_file);
    if (!spec) {
        return tl::unexpected(spec.error());
    }
    job.spec = std::move(*spec);
    if (values.count("requirement") != 0) {
        for (const std::string& file : values["requirement"].as<std::vector<std::string>>()) {
            auto requirement = read_document(file);
            if (!requirement) {
                return tl::unexpected(requirement.error());
            }
            job.requirements.push_back(std::move(*requirement));
        }
    }
    return job;
}

/// Fetches the stored image, checks it as everybody must, and moves it where the user wants it.
Result<ImageFacts> fetch(Backend& backend, const std::string& digest, const fs::path& work,
                         const std::string& output)
{
    const fs::path file = output.empty() ? work / "image" : fs::path(output);
    const fs::path partial = file.native() + ".partial";
    std::error_code error;
    if (auto fetched = backend.fetch(digest, partial); !fetched) {
        fs::remove(partial, error);
        return tl::unexpected(fetched.error());
    }
    auto facts = inspect_image(partial);
    if (facts && facts->digest != digest) {
        facts = fail(FailureKind::internal, "the image's digest is " + facts->digest + ", not " + digest);
    }
    if (!facts) {
        fs::remove(partial, error);
        return facts;
    }
    fs::rename(partial, file, error);
    if (error) {
        return fail(FailureKind::internal, file.native() + ": " + error.message());
    }
    return facts;
}

nlohmann::json document(const BuildReport& report, const Progress& progress, const ImageFacts* facts,
                        const std::string& file)
{
    nlohmann::json phases = nlohmann::json::array();
    for (const auto& [phase, duration] : progress.phases()) {
        phases.push_back({{"phase", to_string(phase)}, {"milliseconds", duration.count()}});
    }
    nlohmann::json document{
        {"state", to_string(report.state)},
        {"phases", phases},
        {"milliseconds", progress.total().count()},
        {"objects", {{"compiled", report.objects_compiled}, {"cached", report.objects_cached}}}};
    if (!report.build.empty()) {
        document["build"] = report.build;
    }
    if (!report.error.empty()) {
        document["error"] = report.error;
    }
    if (facts != nullptr) {
        document["image"] = facts->digest;
        document["bytes"] = facts->bytes;
        document["description"] = facts->description;
    }
    if (!file.empty()) {
        document["file"] = file;
    }
    return document;
}

std::string next_command(const nlohmann::json& description, const std::string& file, const Backend& backend)
{
    const std::string image = file.empty() ? description.value("name", "") : shell_word(file);
    const auto devices = description.value("devices", nlohmann::json::array());
    const bool network = std::find(devices.begin(), devices.end(), "virtio-net") != devices.end();
    return "unikernel run " + image + (file.empty() ? backend.flags() : "") +
           (network ? " --forward 8080:80" : "");
}

void report_success(const BuildReport& report, const ImageFacts& facts, const std::string& file,
                    const Progress& progress, const Backend& backend, const Output& output)
{
    std::vector<std::pair<std::string, std::string>> rows{
        {"image", facts.description.value("name", "")},
        {"digest", facts.digest},
        {"size", human_bytes(facts.bytes)},
        {"memory", "at least " + std::to_string(facts.description.value("minimum_memory_mib", 0)) + " MiB"},
        {"modules", std::to_string(facts.description.value("modules", nlohmann::json::array()).size())},
        {"built in", human_time(progress.total()) + " (" + std::to_string(report.objects_compiled) +
                         " objects compiled, " + std::to_string(report.objects_cached) + " from the cache)"}};
    if (!file.empty()) {
        rows.insert(rows.begin() + 1, {"file", file});
    }
    output.table(rows);
    output.next(next_command(facts.description, file, backend));
}

ExitCode run(const po::variables_map& values, Output& output)
{
    const Interruption interruption;
    const auto work = TemporaryDirectory::create("unikernel-cli");
    if (!work) {
        return output.error(work.error());
    }
    const std::string file = values.count("output") != 0 ? values["output"].as<std::string>() : "";
    std::error_code ignored;
    if (!file.empty() && !fs::is_directory(fs::absolute(file).parent_path(), ignored)) {
        return output.error(usage, "--output " + file + ": there is no such folder");
    }
    const auto job = read_job(values, work->path());
    if (!job) {
        return output.error(job.error());
    }
    const auto backend = open_backend(values);
    if (!backend) {
        return output.error(backend.error());
    }
    Progress progress(output);
    const auto report = (*backend)->build(*job, progress, interruption.token());
    progress.finish(report && report->state == BuildState::succeeded);
    if (!report) {
        return output.error(report.error());
    }
    if (report->state != BuildState::succeeded) {
        output.document(document(*report, progress, nullptr, ""));
        std::cerr << "unikernel: build " << to_string(report->state) << ": " << report->error << std::endl;
        return exit_code(report->state);
    }
    const auto facts = fetch(**backend, report->digest, work->path(), file);
    if (!facts) {
        return output.error(facts.error());
    }
    output.document(document(*report, progress, &*facts, file));
    report_success(*report, *facts, file, progress, **backend, output);
    return success;
}

}  // namespace

const Command command{"build",
                      "SOURCE [OPTIONS]",
                      "build an image from source and security requirements",
                      help,
                      options,
                      {"SOURCE"},
                      run};

}  // namespace unikernel::cli::build_command
