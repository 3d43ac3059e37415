#include <gtest/gtest.h>
#include <sotto/benchmarks/child_process.h>
#include <sotto/privacy/error.h>

#include <csignal>
#include <string>
#include <vector>

namespace sotto::benchmarks {
namespace {

TEST(ChildProcess, ReturnsTheResult) {
  const std::string large(1'000'000, 'x');  // more than a pipe holds
  EXPECT_EQ(run_in_child([&] { return large; }).result, large);
}

TEST(ChildProcess, ReturnsTheSentenceOfAnError) {
  const ChildOutcome outcome = run_in_child([]() -> std::string { throw UsageError("why not"); });
  EXPECT_EQ(outcome.error, "why not");
  EXPECT_EQ(outcome.result, "");
}

TEST(ChildProcess, MeasuresTheMemoryOfTheWorkAlone) {
  constexpr int64_t kBlock = 64 << 20;
  const auto peak = [](int64_t bytes) {
    return run_in_child([=] {
             std::vector<char> block(static_cast<size_t>(bytes), 'x');
             return std::string(1, block[block.size() / 2]);
           })
        .peak_bytes;
  };
  const int64_t large = peak(kBlock), small = peak(1);
  EXPECT_GT(large, small + kBlock - (8 << 20));
  EXPECT_LT(small, large);
}

TEST(ChildProcess, DeathIsAnError) {
  EXPECT_THROW(run_in_child([]() -> std::string {
                 std::raise(SIGKILL);
                 return "";
               }),
               IoError);
}

TEST(ChildProcess, OutputOfAProgramIsItsStandardOutput) {
  EXPECT_EQ(output_of({"/bin/echo", "a b", "c"}), "a b c\n");
  EXPECT_THROW(output_of({"/bin/false"}), IoError);
  EXPECT_THROW(output_of({"/no/such/program"}), IoError);
}

}  // namespace
}  // namespace sotto::benchmarks
