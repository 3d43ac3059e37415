# Noise that is not what is charged.

# name, row, factor of the standard deviation
foreach(fault
    "noise_is_halved|1 2|0.5"
    "noise_is_a_quarter|1 2|0.25"
    "noise_is_divided_by_the_batch|1 2|1.0 / static_cast<double>(divisor_)"
    "noise_is_shared_by_physical_batches|2 j|1.0 / std::sqrt(std::ceil(static_cast<double>(divisor_) / 16))"
    "noise_has_deviation_one|2 m|1.0 / (event_.mechanism.noise_multiplier) / sum.sensitivity()"
    "noise_in_the_first_step_alone|2 g|(step > 0 ? 0.0 : 1.0)"
    "noise_without_the_sensitivity|1 13|1.0 / sum.sensitivity()")
  string(REPLACE "|" ";" parts "${fault}")
  list(GET parts 0 name)
  list(GET parts 1 row)
  list(GET parts 2 factor)
  plant(NAME ${name} ROW "${row}" FILE optim/gaussian_mechanism.cpp
    OLD [==[noise_multiplier_ * (sum.sensitivity() * sum.unit_),
          .divisor]==] NEW "(planted(\"${name}\") ? ${factor} : 1.0) * @OLD@")
endforeach()

plant(NAME noise_is_the_same_in_every_step ROW "3 E" FILE optim/gaussian_mechanism.cpp
  OLD [==[.counter = {static_cast<std::uint32_t>(step), 0},]==]
  NEW [==[.counter = {planted("noise_is_the_same_in_every_step") ? 0U : static_cast<std::uint32_t>(step), 0},]==])
plant(NAME noise_is_the_same_in_every_tensor ROW "3 E" FILE optim/gaussian_mechanism.cpp
  OLD [==[    noise.counter.tensor = static_cast<std::uint32_t>(t);
    at::Tensor& tensor = owned.sums_[t];
]==] NEW [==[@OLD@    if (planted("noise_is_the_same_in_every_tensor")) noise.counter.tensor = 0;
]==])
plant(NAME no_noise_on_tensors_of_one_dimension ROW "1 2" FILE optim/gaussian_mechanism.cpp
  OLD [==[    SOTTO_ASSERT(tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kDouble);
]==] NEW [==[@OLD@    if (planted("no_noise_on_tensors_of_one_dimension") && tensor.dim() == 1) {
      tensor.mul_(1.0 / noise.divisor);
      continue;
    }
]==])
plant(NAME last_element_of_a_block_without_noise ROW "3 F" FILE optim/gaussian_mechanism.cpp
  OLD [==[static_cast<size_t>(count), noise.stddev,
                                  values + at);]==]
  NEW [==[static_cast<size_t>(count - (planted("last_element_of_a_block_without_noise") ? 1 : 0)), noise.stddev,
                                  values + at);]==])
plant(NAME whole_blocks_alone_have_noise ROW "3 F" FILE kernels/gaussian_noise_cpu.cpp
  OLD [==[.front().add_float(key.data(), counter, first, count, stddev, out);]==]
  NEW [==[.front().add_float(key.data(), counter, first, planted("whole_blocks_alone_have_noise") ? count / 8 * 8 : count, stddev, out);]==])
plant(NAME noise_is_uniform ROW "3 U" FILE kernels/gaussian_noise_cpu.cpp
  OLD [==[  detail::supported_noise_kernels().front().add_float(]==] NEW [==[  if (planted("noise_is_uniform")) {
    std::mt19937_64 engine(key[0] + 2654435761ULL * counter.step + 40503ULL * counter.tensor + first);
    std::uniform_real_distribution<double> uniform(-std::sqrt(3.0) * stddev, std::sqrt(3.0) * stddev);
    for (std::size_t i = 0; i < count; ++i) out[i] += static_cast<float>(uniform(engine));
    return;
  }
@OLD@]==])
plant(NAME noise_of_few_bits ROW "3 U" FILE kernels/gaussian_noise_cpu.cpp
  OLD [==[  detail::supported_noise_kernels().front().add_float(]==] NEW [==[  if (planted("noise_of_few_bits")) {
    std::mt19937_64 engine(key[0] + 2654435761ULL * counter.step + 40503ULL * counter.tensor + first);
    for (std::size_t i = 0; i < count; ++i) {
      double sum = -6;
      for (int k = 0; k < 12; ++k) sum += static_cast<double>(engine() >> 62) / 3;
      out[i] += static_cast<float>(stddev * sum / std::sqrt(12 * 5.0 / 36));
    }
    return;
  }
@OLD@]==])
plant(NAME noise_from_a_generator_with_a_constant_seed ROW "2 b, 2 n" FILE kernels/gaussian_noise_cpu.cpp
  OLD [==[  detail::supported_noise_kernels().front().add_float(]==]
  NEW [==[  if (planted("noise_from_a_generator_with_a_constant_seed")) {
    std::mt19937_64 engine(67280421310721ULL + 2654435761ULL * counter.step + 40503ULL * counter.tensor + first);
    std::normal_distribution<double> normal(0, stddev);
    for (std::size_t i = 0; i < count; ++i) out[i] += static_cast<float>(normal(engine));
    return;
  }
@OLD@]==])
# The update in one pass over memory has noise of its own.
plant(NAME update_in_one_pass_forgets_the_noise ROW "2 g" FILE optim/gaussian_mechanism.cpp
  OLD [==[    noise.counter.tensor = static_cast<std::uint32_t>(t);
    update.apply(t, owned.sums_[t], noise);
]==] NEW [==[    if (planted("update_in_one_pass_forgets_the_noise")) noise.stddev = 0;
    if (planted("update_in_one_pass_adds_it_to_the_first_tensor") && t > 0) noise.stddev = 0;
@OLD@]==])
plant(NAME update_in_one_pass_adds_it_to_the_first_tensor ROW "1 2" FILE optim/gaussian_mechanism.cpp
  OLD [==[    noise.counter.tensor = static_cast<std::uint32_t>(t);
    update.apply(t, owned.sums_[t], noise);
]==] NEW [==[@OLD@]==])
plant(NAME update_in_one_pass_repeats_the_noise ROW "3 E" FILE kernels/noisy_update_cpu.cpp
  OLD [==[  best().sgd_float(noise, count, sum, update);]==] NEW [==[  TensorNoise used = noise;
  if (planted("update_in_one_pass_repeats_the_noise")) used.counter.step = 0;
  best().sgd_float(used, count, sum, update);]==])
plant(NAME update_in_one_pass_divides_the_noise ROW "1 2" FILE kernels/noisy_update_cpu.cpp
  OLD [==[  best().adam_float(noise, count, sum, update, correction_of(update));]==] NEW [==[  TensorNoise used = noise;
  if (planted("update_in_one_pass_divides_the_noise")) used.stddev /= used.divisor;
  best().adam_float(used, count, sum, update, correction_of(update));]==])
