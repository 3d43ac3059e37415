// Runs every kernel for a device on the processor and asks MemorySanitizer (preset msan) whether all that it wrote came
// from memory that was written before. A program without GoogleTest, which MemorySanitizer cannot see into; other
// builds run it and see only that it runs.
//
//   initialised_memory_check            all kernels
//   initialised_memory_check planted [dynamic]
//       a kernel that reads shared memory that nobody wrote: must be reported

#include <sotto/kernels/convolution_norms.h>
#include <sotto/kernels/embedding_norms.h>
#include <sotto/kernels/gram_norms.h>
#include <sotto/kernels/launch.h>
#include <sotto/kernels/noisy_update.h>
#include <sotto/kernels/normalisation_rows.h>
#include <sotto/kernels/record_weights.h>
#include <sotto/kernels/squared_norms.h>
#include <sotto/kernels/tile_norms.h>

#include <cstdio>
#include <cstring>
#include <memory>

#include "planted_bugs.h"
#if SOTTO_SIM_FEATURE(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#endif

namespace sotto::kernels {
namespace {

using sim::Schedule;

constexpr std::uint32_t kKey[8] = {1, 2, 3, 4, 5, 6, 7, 8};
constexpr std::size_t kRows = 3, kColumns = 133;

// Elements that were never written, or all `value`.
template <class T>
class Memory {
 public:
  explicit Memory(std::size_t size) : values_(std::make_unique_for_overwrite<T[]>(size)), size_(size) {}
  Memory(std::size_t size, T value) : Memory(size) {
    for (std::size_t i = 0; i < size; ++i) values_[i] = value;
  }
  T* get() const { return values_.get(); }
  void must_be_written() const {
#if SOTTO_SIM_FEATURE(memory_sanitizer)
    __msan_check_mem_is_initialized(get(), size_ * sizeof(T));
#endif
  }

 private:
  std::unique_ptr<T[]> values_;
  std::size_t size_;
};

template <class T>
void run_noise(unsigned block) {
  const Memory<T> out(kColumns, T{1});
  const std::uint32_t step = 4;
  cuda::add_gaussian_noise(kKey, {&step, 0}, 3, kColumns, 1.5, out.get(), nullptr, block);
  out.must_be_written();
}

template <class T>
void run_release(unsigned block) {
  const Memory<T> sum(kColumns, T{1}), parameter(kColumns, T{1}), square(kColumns, T{1}), velocity(kColumns);
  DeviceStep step{.noise = 1, .update = 1, .correction = adam_correction(0.9, 0.999, 1)};
  const DeviceTensorNoise noise{kKey, &step, 0, 3, 1.0, 2.0};
  const SgdUpdate<T> sgd{.parameter = parameter.get(), .velocity = velocity.get(), .momentum = 0.5};
  cuda::noisy_sgd_update(noise, kColumns, sum.get(), sgd, nullptr, block);  // does not read the velocity
  velocity.must_be_written();
  cuda::noisy_sgd_update(noise, kColumns, sum.get(), SgdUpdate<T>{parameter.get()}, nullptr, block);
  cuda::advance_step(&step, 0.9, 0.999, nullptr);
  cuda::noisy_adam_update(noise, kColumns, sum.get(), {parameter.get(), velocity.get(), square.get()}, nullptr, block);
  for (const auto* written : {&parameter, &velocity, &square}) written->must_be_written();
}

template <class T>
void run_rows(unsigned block) {
  const Memory<T> rows(kRows * kColumns, T{1}), weights(kRows, T{1}), sum(kColumns, T{0});
  const Memory<double> norms(kRows, 0.0);
  cuda::add_row_squared_norms(rows.get(), kRows, kColumns, kColumns, norms.get(), nullptr, block);
  cuda::add_weighted_row_sum(rows.get(), kRows, kColumns, kColumns, weights.get(), nullptr, sum.get(), nullptr, block);
  norms.must_be_written();
  sum.must_be_written();
  constexpr std::size_t kMany = 2 * cuda::kRowsOfAPart + 1, kFew = 2;
  const Memory<T> many(kMany * kFew, T{1}), of_many(kMany, T{1}), few(kFew, T{0});
  const Memory<double> parts(cuda::weighted_row_sum_scratch(kMany, kFew) / sizeof(double));
  cuda::add_weighted_row_sum(many.get(), kMany, kFew, kFew, of_many.get(), parts.get(), few.get(), nullptr, block);
  few.must_be_written();
}

void run_weights(unsigned block) {
  const WeightFormula formulas[2] = {{}, {WeightFormula::Kind::psac, 1.0, 0.1}};
  const Memory<double> computed(2 * kColumns, 4.0), slack(2 * kColumns, 0.0);
  const Memory<std::uint8_t> active(kColumns, 1);
  const Memory<float> weights(2 * kColumns);
  cuda::record_weights(formulas, computed.get(), slack.get(), active.get(), kColumns, weights.get(), nullptr, block);
  weights.must_be_written();
}

template <class T>
void run_norms(unsigned block) {
  constexpr std::size_t kRecords = 2, kPositions = 6, kP = 5, kD = 70;
  const Memory<double> computed(kRecords), bound(kRecords), again(kRecords);
  const OuterShape outer{kRecords, kPositions, kP, kD, kPositions * kP, kP, kPositions * kD, kD};
  const Memory<T> left(kRecords * kPositions * kP, T{1}), right(kRecords * kPositions * kD, T{1});
  const Memory<T> kept(kRecords * kP * kD);
  const Memory<double> of_pairs(cuda::gram_norm_scratch(outer) / sizeof(double));
  cuda::gram_norms(outer, left.get(), right.get(), of_pairs.get(), computed.get(), bound.get(), nullptr, block);
  const Memory<double> of_tiles(cuda::tile_norm_scratch(outer) / sizeof(double));
  cuda::tile_norms(outer, left.get(), right.get(), kept.get(), kP * kD, of_tiles.get(), again.get(), nullptr, block);
  for (const auto* written : {&computed, &bound, &again}) written->must_be_written();
  kept.must_be_written();

  const Memory<std::int64_t> tokens(kRecords * kPositions, 3);
  const Memory<double> table_norms(kRecords), table_bounds(kRecords);
  const EmbeddingShape embedding{kRecords, kPositions, 1, kD, kPositions, kPositions * kD, kD};
  const Memory<double> of_tokens(cuda::embedding_norm_scratch(embedding) / sizeof(double));
  cuda::embedding_norms(embedding, tokens.get(), static_cast<const T*>(nullptr), right.get(), of_tokens.get(),
                        table_norms.get(), table_bounds.get(), nullptr, block);
  table_norms.must_be_written();
  table_bounds.must_be_written();

  const Memory<T> scale(kRecords * kD), shift(kRecords * kD);
  const NormalisationShape layer{kRecords, kPositions, kD, 1, kPositions * kD, kPositions * kD, kD, kPositions, 1};
  cuda::normalisation_rows(layer, right.get(), left.get(), left.get(), right.get(), scale.get(), shift.get(), nullptr,
                           block);
  scale.must_be_written();
  shift.must_be_written();
  const Memory<T> channels(kRecords * kPositions);
  const NormalisationShape bias{kRecords, 1, kPositions, kD, 0, kPositions * kD};
  const T* none = nullptr;
  cuda::normalisation_rows(bias, none, none, none, right.get(), nullptr, channels.get(), nullptr, block);
  channels.must_be_written();
}

template <class T>
void run_convolution(unsigned block) {
  const ConvolutionShape shape{.records = 2,
                               .channels = 2,
                               .height = 4,
                               .width = 5,
                               .outputs = 3,
                               .out_height = 4,
                               .out_width = 5,
                               .kernel_height = 3,
                               .kernel_width = 3,
                               .padding_y = 1,
                               .padding_x = 1,
                               .image_record_stride = 40,
                               .gradient_record_stride = 60};
  const Memory<T> image(80, T{1}), gradient(120, T{1}), kept(2 * convolution_elements(shape));
  const Memory<double> scratch(cuda::convolution_norm_scratch(shape) / sizeof(double)), computed(2);
  cuda::convolution_norms(shape, image.get(), gradient.get(), kept.get(), convolution_elements(shape), scratch.get(),
                          computed.get(), nullptr, block);
  kept.must_be_written();
  computed.must_be_written();
}

void run_planted_bug(testing::Bug bug) {
  const Memory<float> values(70, 1.0F), out(64, 0.0F);
  testing::run_planted(bug, values.get(), out.get(), 1, 70, 64);
  out.must_be_written();
}

void run_all() {
  for (const Schedule schedule : {Schedule{Schedule::Order::forward}, Schedule{Schedule::Order::reverse},
                                  Schedule{Schedule::Order::shuffled, 1}}) {
    const sim::WithSchedule with(schedule);
    for (const unsigned block : {32U, 96U, 1024U}) {
      run_noise<float>(block);
      run_noise<double>(block);
      run_release<float>(block);
      run_release<double>(block);
      run_rows<float>(block);
      run_rows<double>(block);
      run_weights(block);
      run_norms<float>(block);
      run_norms<double>(block);
      run_convolution<float>(block);
      run_convolution<double>(block);
    }
  }
}

}  // namespace
}  // namespace sotto::kernels

int main(int count, char** arguments) {
  if (count > 1 && std::strcmp(arguments[1], "planted") == 0) {
    using sotto::kernels::testing::Bug;
    sotto::kernels::run_planted_bug(count > 2 ? Bug::reads_dynamic_memory_nobody_wrote : Bug::reads_what_nobody_wrote);
  } else {
    sotto::kernels::run_all();
  }
  std::puts("every kernel has run");
}
