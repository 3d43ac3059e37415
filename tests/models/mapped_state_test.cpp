#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/mapped_state.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "../support/message.h"
#include "../support/scratch_folder.h"

namespace sotto::models {
namespace {

using ::testing::HasSubstr;

class MappedStateTest : public ::testing::Test {
 protected:
  std::string bytes() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // Where the tensor's memory comes from, as the system lists it.
  static std::string origin_of(const at::Tensor& tensor) {
    const auto at = reinterpret_cast<std::uintptr_t>(tensor.const_data_ptr());
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      std::uintptr_t begin = 0, end = 0;
      if (std::sscanf(line.c_str(), "%lx-%lx", &begin, &end) == 2 && at >= begin && at < end) return line;
    }
    return "";
  }
  sotto::testing::ScratchFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "model.safetensors";
};

TEST_F(MappedStateTest, EveryTypeIsThereWithoutACopy) {
  std::vector<NamedTensor> saved;
  for (const auto type : {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong, at::kInt, at::kByte})
    saved.push_back({c10::toString(type), at::arange(6).reshape({2, 3}).to(type)});
  saved.push_back({"none", at::zeros({0, 4})});
  saved.push_back({"scalar", at::full({}, 3.0)});
  save_state(path_, saved, {{"k", "v"}});
  const MappedState mapped = map_state(path_);
  EXPECT_EQ(mapped.metadata, (Metadata{{"k", "v"}}));
  ASSERT_EQ(mapped.tensors.size(), saved.size());
  for (const NamedTensor& original : saved) {
    const auto found =
        std::ranges::find_if(mapped.tensors, [&](const NamedTensor& each) { return each.name == original.name; });
    ASSERT_NE(found, mapped.tensors.end()) << original.name;
    EXPECT_EQ(found->tensor.scalar_type(), original.tensor.scalar_type()) << original.name;
    EXPECT_TRUE(at::equal(found->tensor, original.tensor)) << original.name;
    if (original.tensor.numel() > 0) {
      EXPECT_THAT(origin_of(found->tensor), HasSubstr(path_.string())) << original.name;
    }
  }
}

TEST_F(MappedStateTest, TensorsKeepTheMappingAndGiveItBack) {
  save_state(path_, {{"a", at::arange(5, at::kFloat)}, {"b", at::zeros({2})}});
  const auto is_mapped = [&] {
    std::ifstream maps("/proc/self/maps");
    return std::string(std::istreambuf_iterator<char>(maps), {}).find(path_.string()) != std::string::npos;
  };
  at::Tensor kept = map_state(path_).tensors[0].tensor.narrow(0, 1, 3);
  EXPECT_TRUE(is_mapped());
  EXPECT_TRUE(at::equal(kept, at::arange(1, 4, at::kFloat)));
  kept = at::Tensor();
  EXPECT_FALSE(is_mapped());
}

TEST_F(MappedStateTest, WritingReachesNoFileAndNoOtherMapping) {
  save_state(path_, {{"a", at::zeros({4})}});
  const std::string before = bytes();
  const MappedState one = map_state(path_), other = map_state(path_);
  one.tensors[0].tensor.fill_(7.0);
  EXPECT_EQ(one.tensors[0].tensor.sum().item<float>(), 28.0F);
  EXPECT_EQ(other.tensors[0].tensor.sum().item<float>(), 0.0F);
  EXPECT_EQ(bytes(), before);
}

TEST_F(MappedStateTest, AFileThatIsReplacedStaysAsItWasMapped) {
  save_state(path_, {{"a", at::zeros({4})}});
  const MappedState mapped = map_state(path_);
  save_state(path_, {{"a", at::full({1}, 5.0)}});
  EXPECT_TRUE(at::equal(mapped.tensors[0].tensor, at::zeros({4})));
  EXPECT_TRUE(at::equal(map_state(path_).tensors[0].tensor, at::full({1}, 5.0)));
}

// A header whose length is no multiple of 8, as others may write.
TEST_F(MappedStateTest, BytesThatAreNotAlignedAreCopied) {
  const std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  ASSERT_NE(header.size() % 4, 0);
  sotto::testing::Bytes file = {static_cast<std::uint8_t>(header.size()), 0, 0, 0, 0, 0, 0, 0};
  file.insert(file.end(), header.begin(), header.end());
  for (const int byte : {0, 0, 0x80, 0x3f, 0, 0, 0, 0x40}) file.push_back(static_cast<std::uint8_t>(byte));
  const MappedState mapped = map_state(folder_.write("unaligned", file));
  EXPECT_TRUE(at::equal(mapped.tensors[0].tensor, at::arange(1, 3, at::kFloat)));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(mapped.tensors[0].tensor.const_data_ptr()) % 4, 0);
}

TEST_F(MappedStateTest, RefusesWhatIsNoFileOfTensors) {
  const auto refusal = [](const std::filesystem::path& path) {
    return sotto::testing::message_of<DataError>([&] { map_state(path); });
  };
  EXPECT_THAT(refusal(folder_.path()), HasSubstr("is a folder"));
  EXPECT_THAT(refusal(path_), HasSubstr("no such file"));
  EXPECT_THAT(refusal(folder_.write("empty", {})), HasSubstr("0 bytes; a safetensors file starts with 8"));
  EXPECT_THAT(refusal(folder_.write("cut", {3, 0, 0, 0, 0, 0, 0, 0, '{', '}'})), HasSubstr("cut short"));
}

}  // namespace
}  // namespace sotto::models
