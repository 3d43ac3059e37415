#pragma once
// Kernels with one mistake each.

namespace sotto::kernels::testing {

enum class Bug {
  none,
  none_between_neighbours,
  missing_barrier,
  barrier_in_a_branch,
  returns_before_a_barrier,
  shared_index_past_the_end,
  reads_past_the_end,
  reads_what_nobody_wrote,
  shuffle_as_a_fence,
  lane_outside_the_mask,
  caller_outside_the_mask,
  lanes_disagree,
  lane_has_returned,
  misaligned_vector,
  dynamic_memory_too_small,
  writes_past_dynamic_memory,
  reads_dynamic_memory_nobody_wrote,
  count,
};

// Sums of rows [rows, columns] of `values`, one per row, or what the kernel of this bug computes. Blocks of `block`
// threads.
void run_planted(Bug bug, const float* values, float* out, int rows, int columns, int block);

}  // namespace sotto::kernels::testing
