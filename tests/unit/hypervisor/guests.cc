// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/hypervisor/guests.hh"

#include <fstream>
#include <stdexcept>

#include "common/util/process.hh"

namespace unikernel
{

namespace
{

void run_tool(const std::string& tool, std::vector<std::string> arguments)
{
    ProcessSpecification specification;
    specification.program = tool;
    specification.arguments = std::move(arguments);
    const auto result = run(specification);
    if (!result || !result->ok()) {
        throw std::runtime_error(tool + ": " + (result ? result->error : result.error().message));
    }
}

std::string ending(GuestEnd end)
{
    switch (end) {
    case GuestEnd::power_off:
        return "mov $0x604,%dx\n mov $0x2000,%ax\n out %ax,%dx\n1: hlt\n jmp 1b\n";
    case GuestEnd::spin:
        return "1: hlt\n jmp 1b\n";
    case GuestEnd::triple_fault:
        break;
    }
    return "lidt nothing\n int3\n";
}

}  // namespace

void build_guest(const std::filesystem::path& image, const std::string& text, GuestEnd end)
{
    const auto source = image.native() + ".S";
    const auto object = image.native() + ".o";
    std::ofstream file(source);
    file << ".code32\n.globl _start\n"
            "header: .long 0x1BADB002, 0x10000, -(0x1BADB002 + 0x10000)\n"
            ".long header, header, 0, 0, _start\n"
            "_start: cli\n mov $text,%esi\n"
            "1: mov $0x3fd,%dx\n2: in %dx,%al\n test $0x20,%al\n jz 2b\n"
            " lodsb\n test %al,%al\n jz 3f\n mov $0x3f8,%dx\n out %al,%dx\n jmp 1b\n"
            "3: "
         << ending(end) << "nothing: .long 0, 0\ntext: .byte ";
    for (const char character : text) {
        file << static_cast<unsigned>(static_cast<unsigned char>(character)) << ",";
    }
    file << "0\n";
    file.close();
    run_tool("as", {"--32", "-o", object, source});
    run_tool("ld",
             {"-m", "elf_i386", "--oformat", "binary", "-Ttext", "0x100000", "-o", image.native(), object});
}

}  // namespace unikernel
