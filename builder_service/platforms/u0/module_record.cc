// SPDX-License-Identifier: Apache-2.0
#include "builder_service/platforms/u0/module_record.hh"

#include <sstream>
#include <utility>

#include "builder_service/platforms/u0/elf_reader.hh"

namespace unikernel::u0
{

namespace
{

constexpr const char* section_name = ".u0.modules";

/// Names, versions and digests hold nothing that a string of the assembler would have to escape.
std::string line_of(const Module& module, std::string_view digest = {})
{
    return module.name + " " + module.version + (digest.empty() ? "" : " " + std::string(digest));
}

std::string as_declaration(const std::string& line)
{
    return std::string("__asm__(\".pushsection ") + section_name + ",\\\"\\\",@progbits\\n.ascii \\\"" +
           line + "\\\\n\\\"\\n.popsection\");\n";
}

std::string listed(const std::set<std::string>& words)
{
    std::string text;
    for (const std::string& word : words) {
        text += (text.empty() ? "" : " and ") + word;
    }
    return text;
}

/// What is in the image of a module, compared with what was planned of it.
Result<void> check_module(const Module& planned, const std::map<std::string, nlohmann::json>& values,
                          const LinkedModule& there)
{
    const std::string subject = "module " + planned.name + " ";
    if (there.versions.empty()) {
        return fail(FailureKind::invalid,
                    subject + "is planned, but nothing of it is in the image: none of its sources for u0 has "
                              "anything that is used");
    }
    if (there.versions != std::set{planned.version}) {
        return fail(FailureKind::invalid, subject + planned.version + " is planned, but " +
                                              listed(there.versions) + " is in the image");
    }
    if (planned.options.empty()) {
        return {};
    }
    if (there.configurations.empty()) {
        return fail(FailureKind::invalid,
                    subject + "has options, but its configuration is not in the image: none of its sources "
                              "reads the constants of config.gen.hh");
    }
    const std::string digest = configuration_digest(values);
    return there.configurations == std::set{digest}
               ? Result<void>{}
               : fail(FailureKind::invalid, subject + "is in the image with another configuration (" +
                                                listed(there.configurations) + ") than planned (" + digest +
                                                ")");
}

}  // namespace

std::string module_header(const Module& module)
{
    const std::string line = line_of(module);
    return "/* Generated for one image; do not edit. */\n#ifdef __ASSEMBLER__\n.pushsection " +
           std::string(section_name) + ",\"\",@progbits\n.ascii \"" + line + "\\n\"\n.popsection\n#else\n" +
           as_declaration(line) + "#endif\n";
}

std::string configuration_record(const Module& module, std::string_view digest)
{
    return as_declaration(line_of(module, digest));
}

Result<std::map<std::string, LinkedModule>> linked_modules(std::string_view linked)
{
    const Result<ElfReader> elf = ElfReader::open(linked);
    if (!elf) {
        return tl::unexpected(elf.error());
    }
    const Result<std::string_view> text = elf->section(section_name);
    if (!text) {
        return tl::unexpected(text.error());
    }
    std::map<std::string, LinkedModule> modules;
    std::istringstream lines{std::string(*text)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string name;
        std::string version;
        std::string digest;
        if (!(words >> name >> version)) {
            return fail(FailureKind::invalid, "the record of modules has a line without name and version");
        }
        LinkedModule& module = modules[name];
        module.versions.insert(version);
        if (words >> digest) {
            module.configurations.insert(digest);
        }
    }
    return modules;
}

Result<nlohmann::json> proven_modules(const Image& planned, nlohmann::json modules, std::string_view linked)
{
    Result<std::map<std::string, LinkedModule>> found = linked_modules(linked);
    if (!found) {
        return tl::unexpected(found.error());
    }
    for (std::size_t i = 0; i < planned.installed().size(); ++i) {
        const ModulePtr& module = planned.installed()[i];
        const LinkedModule there = std::exchange((*found)[module->name], {});
        if (Result<void> same = check_module(*module, planned.values(module->name), there); !same) {
            return tl::unexpected(same.error());
        }
        modules.at(i)["version"] = *there.versions.begin();
        if (!module->options.empty()) {
            modules.at(i)["configuration_digest"] = *there.configurations.begin();
        }
    }
    for (const auto& [name, there] : *found) {
        if (!there.versions.empty()) {
            return fail(FailureKind::invalid, "module " + name + " is in the image, but was not planned");
        }
    }
    return modules;
}

}  // namespace unikernel::u0
