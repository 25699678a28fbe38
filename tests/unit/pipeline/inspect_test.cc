// SPDX-License-Identifier: Apache-2.0
// Images from strangers: every truncation and every flipped bit is refused, and nothing crashes.
#include <cstring>
#include <random>

#include <elf.h>

#include "mini_platform.hh"

namespace unikernel
{
namespace
{

class Inspect : public test::MiniPlatform
{
protected:
    void SetUp() override
    {
        MiniPlatform::SetUp();
        const BuildOutcome outcome = build_spec(test::console_spec);
        ASSERT_EQ(outcome.state, BuildState::succeeded) << outcome.error;
        good = image_bytes();
    }

    std::string refusal(const std::string& bytes)
    {
        EXPECT_TRUE(write_file(root() / "bad", bytes));
        const Result<ImageFacts> facts = inspect_image(root() / "bad");
        EXPECT_FALSE(facts);
        const std::string prefix = (root() / "bad").string() + ": is no intact image: ";
        return facts ? "" : facts.error().message.substr(prefix.size());
    }

    template <typename Header, typename Change>
    std::string changed(std::size_t offset, Change&& change)
    {
        std::string bytes = good;
        Header header;
        std::memcpy(&header, bytes.data() + offset, sizeof header);
        change(header);
        std::memcpy(bytes.data() + offset, &header, sizeof header);
        return bytes;
    }

    std::string good;
};

TEST_F(Inspect, accepts_what_was_built)
{
    const Result<ImageFacts> facts = inspect_image(image());
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->bytes, good.size());
    EXPECT_EQ(inspect_image(root() / "none").error().kind, FailureKind::not_found);
}

TEST_F(Inspect, refuses_every_truncation)
{
    for (std::size_t size = 0; size < good.size(); size += size < 1024 ? 1 : 61) {
        EXPECT_FALSE(refusal(good.substr(0, size)).empty()) << size;
    }
    EXPECT_EQ(refusal(good.substr(0, good.size() - 1)), "segment 3 reaches beyond the end of the file");
    EXPECT_EQ(refusal(""), "is no ELF file");
    EXPECT_EQ(refusal("hello"), "is no ELF file");
}

TEST_F(Inspect, refuses_every_flipped_bit)
{
    for (std::size_t at = 0; at < good.size(); at += at < 1024 || at + 1024 > good.size() ? 1 : 53) {
        std::string bytes = good;
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << (at % 8)));
        EXPECT_FALSE(refusal(bytes).empty()) << "byte " << at;
    }
    std::string bytes = good;
    bytes[5000] = static_cast<char>(bytes[5000] ^ 1);
    EXPECT_EQ(refusal(bytes),
              "seal: the bytes are not those that were sealed; the file is damaged or was changed");
    EXPECT_EQ(refusal(good + "x"),
              "seal: the bytes are not those that were sealed; the file is damaged or was changed");
}

TEST_F(Inspect, reads_no_endless_notes)
{
    constexpr std::size_t notes_at = 4096;
    constexpr std::size_t notes_bytes = 12 * 65536;  // the smallest notes, many
    std::string bytes = changed<Elf64_Ehdr>(0, [](Elf64_Ehdr& h) {
        h.e_phnum = 64;
        h.e_phoff = sizeof h;
        h.e_shnum = 0;
        h.e_shoff = 0;
    });
    bytes.resize(sizeof(Elf64_Ehdr));
    bytes.resize(notes_at + notes_bytes, '\0');
    Elf64_Phdr segment{};
    segment.p_type = PT_NOTE;
    segment.p_offset = notes_at;
    segment.p_filesz = notes_bytes;
    segment.p_align = 4;
    for (std::size_t n = 0; n < 64; ++n) {  // all over the same bytes
        std::memcpy(bytes.data() + sizeof(Elf64_Ehdr) + n * sizeof segment, &segment, sizeof segment);
    }
    EXPECT_EQ(refusal(bytes), "the segments of notes have over 4194304 bytes, the maximum");
}

TEST_F(Inspect, trusts_no_count_and_no_length)
{
    const auto header = [&](auto change) { return refusal(changed<Elf64_Ehdr>(0, change)); };
    const std::string counts = "the program headers are not within the file, or not 1 to 64";
    EXPECT_EQ(header([](Elf64_Ehdr& h) { h.e_phnum = 0xfffe; }), counts);
    EXPECT_EQ(header([](Elf64_Ehdr& h) { h.e_phnum = 0; }), counts);
    EXPECT_EQ(header([](Elf64_Ehdr& h) { h.e_phoff = UINT64_MAX - 8; }), counts);
    EXPECT_EQ(header([](Elf64_Ehdr& h) { h.e_machine = EM_ARM; }), "is no ELF64 executable for x86-64");
    EXPECT_FALSE(header([](Elf64_Ehdr& h) { h.e_shnum = 0xffff; }).empty());
    EXPECT_FALSE(header([](Elf64_Ehdr& h) { h.e_shoff = UINT64_MAX; }).empty());
    for (std::size_t i = 0; i < 8; ++i) {
        for (const std::uint64_t value : {UINT64_MAX, UINT64_MAX - 4095, std::uint64_t{1} << 63U}) {
            EXPECT_FALSE(refusal(changed<Elf64_Phdr>(64 + i * sizeof(Elf64_Phdr), [&](Elf64_Phdr& p) {
                             p.p_offset = value;
                         })).empty());
            EXPECT_FALSE(refusal(changed<Elf64_Phdr>(64 + i * sizeof(Elf64_Phdr), [&](Elf64_Phdr& p) {
                             p.p_filesz = value;
                         })).empty());
        }
    }
}

TEST_F(Inspect, survives_random_damage)
{
    constexpr unsigned seed = 4711;
    std::mt19937 random(seed);
    for (int round = 0; round < 500; ++round) {
        std::string bytes = good;
        for (unsigned n = 1 + random() % 16; n > 0; --n) {
            const std::size_t area =
                random() % 2 == 0 ? 600 : bytes.size();  // headers as often as all the rest
            bytes[random() % area] = static_cast<char>(random());
        }
        if (bytes != good) {
            EXPECT_FALSE(refusal(bytes).empty()) << "seed " << seed << ", round " << round;
        }
    }
}

}  // namespace
}  // namespace unikernel
