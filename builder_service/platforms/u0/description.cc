// SPDX-License-Identifier: Apache-2.0
#include "builder_service/platforms/u0/description.hh"

#include <sstream>

#include "common/decode/document.hh"
#include "common/decode/module.hh"
#include "common/decode/reader.hh"

namespace unikernel::u0
{

namespace
{

std::vector<std::string> words(const Reader& reader)
{
    std::istringstream stream(reader.text());
    std::vector<std::string> list;
    for (std::string word; stream >> word;) {
        list.push_back(word);
    }
    return list;
}

Description description(const Reader& reader)
{
    reader.object({"name", "version", "include", "sources", "points", "memory_kib", "compile", "link"});
    Description result;
    result.version = reader.at("version").text();
    result.include = reader.at("include").texts();
    result.sources = reader.at("sources").texts();
    result.points = decode_points(reader.at("points"));
    if (const auto value = reader.find("memory_kib")) {
        result.memory_kib = static_cast<std::uint64_t>(value->integer(0, 1 << 20));
    }
    const Reader compile = reader.at("compile");
    compile.object({"common", "cxx", "c", "asm", "own", "third_party", "precompiled"});
    result.compile.common = words(compile.at("common"));
    result.compile.cxx = words(compile.at("cxx"));
    result.compile.c = words(compile.at("c"));
    result.compile.assembly = words(compile.at("asm"));
    result.compile.own = words(compile.at("own"));
    result.compile.third_party = words(compile.at("third_party"));
    result.compile.precompiled = compile.at("precompiled").texts();
    const Reader link = reader.at("link");
    link.object({"entry", "script", "flags", "closed_flags"});
    result.link.entry = link.at("entry").text();
    result.link.script = link.at("script").text();
    result.link.flags = words(link.at("flags"));
    result.link.closed_flags = words(link.at("closed_flags"));
    return result;
}

}  // namespace

Result<Description> load_description(const std::filesystem::path& folder)
{
    const Result<nlohmann::json> document = decode_file(folder / "platform.yaml");
    if (!document) {
        return tl::unexpected(document.error());
    }
    Result<Description> result =
        reading([&] { return description(Reader(*document, "platforms/u0/platform.yaml")); });
    if (!result || !std::filesystem::exists(folder / "sources.yaml")) {
        return result;
    }
    const Result<nlohmann::json> sources = decode_file(folder / "sources.yaml");
    if (!sources) {
        return tl::unexpected(sources.error());
    }
    const Result<std::map<std::string, std::string>> versions = reading([&] {
        std::map<std::string, std::string> map;
        for (const auto& [name, entry] : Reader(*sources, "platforms/u0/sources.yaml").entries()) {
            map[name] = entry.at("version").text();
        }
        return map;
    });
    if (!versions) {
        return tl::unexpected(versions.error());
    }
    result->third_party = *versions;
    return result;
}

}  // namespace unikernel::u0
