// Damaged pictures, tables and lists are refused or read, never crash, and never take memory that the declared sizes
// and the length of the file do not justify.

#include <gtest/gtest.h>
#include <sotto/data/csv_table.h>
#include <sotto/data/picture.h>
#include <sotto/privacy/error.h>

#include <functional>
#include <random>

#include "largest_request.h"
#include "picture_files.h"

namespace sotto::data {
namespace {

using testing::Bytes;

constexpr std::size_t kReaderOverhead = 1 << 20;

void damage(const Bytes& whole, int rounds, const std::function<void(const std::filesystem::path&)>& read) {
  const testing::ScratchFolder folder(testing::ScratchFolder::memory());
  std::mt19937 random(20240608);
  for (int i = 0; i < rounds; ++i) {
    Bytes bytes = whole;
    const std::size_t span = i % 2 == 0 ? std::min<std::size_t>(bytes.size(), 64) : bytes.size();
    const int flips = 1 + static_cast<int>(random() % 3);
    for (int k = 0; k < flips; ++k) bytes[random() % span] ^= static_cast<std::uint8_t>(1U << (random() % 8));
    if (i % 7 == 0) bytes.resize(random() % bytes.size());
    const auto path = folder.write("damaged", bytes);
    testing::take_largest_request();
    try {
      read(path);
    } catch (const DataError&) {
    }
    EXPECT_LE(testing::take_largest_request(), bytes.size() * 1032 + kReaderOverhead);
  }
}

const PictureShape kShape = {.height = 24, .width = 20};

void read_into_place(const std::filesystem::path& path) {
  Bytes to(24 * 20 * 3);
  read_picture(path, kShape, to);
}

TEST(ReaderFuzzTest, DamagedPngNeverCrashes) {
  damage(testing::png_file(24, 20, PNG_FORMAT_RGB, testing::ramp(24 * 20 * 3)), 3000, read_into_place);
}

TEST(ReaderFuzzTest, DamagedJpegNeverCrashes) {
  damage(testing::jpeg_file(24, 20, 3, testing::ramp(24 * 20 * 3)), 3000, read_into_place);
}

TEST(ReaderFuzzTest, DamagedTablesAndSchemasNeverCrash) {
  const std::string schema = "@missing ?\na: number 0 9\nb: category x, y\nc: label no, yes\n";
  const std::string rows = "1,x,no\n\"2\",y,yes\n?,\"x\",no\n";
  const testing::ScratchFolder folder;
  const auto good = folder.write("good.schema", Bytes(schema.begin(), schema.end()));
  const TableSchema declared = read_table_schema(good);
  damage(Bytes(rows.begin(), rows.end()), 3000, [&](const auto& path) {
    const Table table = read_csv_table(path, declared);
    EXPECT_EQ(table.values.size(), static_cast<std::size_t>(table.count * table.features));
    EXPECT_EQ(table.labels.size(), static_cast<std::size_t>(table.count));
  });
  damage(Bytes(schema.begin(), schema.end()), 3000, [](const auto& path) { read_table_schema(path); });
}

}  // namespace
}  // namespace sotto::data
