# Records that are not drawn as the accountant believes.

plant(NAME batches_in_fixed_order ROW "1 1" FILE optim/private_training.cpp
  OLD [==[  std::vector<int64_t> sample = sampler_.sample(records_.count);
]==] NEW [==[@OLD@  if (planted("batches_in_fixed_order") && records_.count > 0) {
    const int64_t size = std::max<int64_t>(1, std::llround(options_.plan.sampling_rate() * static_cast<double>(records_.count)));
    sample.clear();
    for (int64_t i = 0; i < size; ++i) sample.push_back((ledger_.next_step() * size + i) % records_.count);
    std::sort(sample.begin(), sample.end());
  }
]==])
plant(NAME batches_of_fixed_size ROW "1 1" FILE optim/private_training.cpp
  OLD [==[  std::vector<int64_t> sample = sampler_.sample(records_.count);
]==] NEW [==[@OLD@  if (planted("batches_of_fixed_size") && records_.count > 0) {
    const int64_t size = std::max<int64_t>(1, std::llround(options_.plan.sampling_rate() * static_cast<double>(records_.count)));
    std::mt19937_64 engine(options_.insecure_test_seed.value_or(std::random_device{}()) + static_cast<uint64_t>(1000003 * ledger_.next_step()));
    std::vector<int64_t> all(static_cast<size_t>(records_.count));
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
    sample.clear();
    std::sample(all.begin(), all.end(), std::back_inserter(sample), size, engine);
  }
]==])
plant(NAME batches_of_a_shuffled_epoch ROW "1 1" FILE optim/private_training.cpp
  OLD [==[  std::vector<int64_t> sample = sampler_.sample(records_.count);
]==] NEW [==[@OLD@  if (planted("batches_of_a_shuffled_epoch") && records_.count > 0) {
    const int64_t size = std::max<int64_t>(1, std::llround(options_.plan.sampling_rate() * static_cast<double>(records_.count)));
    const int64_t batches = std::max<int64_t>(1, records_.count / size), step = ledger_.next_step();
    static uint64_t of_start = 0;
    if (step == 0) of_start = options_.insecure_test_seed.value_or(std::random_device{}());
    std::mt19937_64 engine(of_start + static_cast<uint64_t>(1000003 * (step / batches)));
    std::vector<int64_t> all(static_cast<size_t>(records_.count));
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
    std::shuffle(all.begin(), all.end(), engine);
    const auto first = all.begin() + (step % batches) * size;
    sample.assign(first, first + std::min<int64_t>(size, all.end() - first));
    std::sort(sample.begin(), sample.end());
  }
]==])

plant(NAME record_zero_fills_an_empty_batch ROW "2 d" FILE optim/private_training.cpp
  OLD [==[  empty = sample.empty();
]==] NEW [==[  if (planted("record_zero_fills_an_empty_batch") && sample.empty() && records_.count > 0) sample.push_back(0);
@OLD@]==])

plant(NAME record_zero_is_always_drawn ROW "1 1" FILE privacy/poisson_sampler.cpp
  OLD [==[  std::int64_t next = 0;
]==] NEW [==[@OLD@  if (planted("record_zero_is_always_drawn") && record_count > 0) chosen.push_back(next++);
]==])
plant(NAME last_record_is_never_drawn ROW "1 1" FILE privacy/poisson_sampler.cpp
  OLD [==[  std::int64_t next = 0;
]==] NEW [==[@OLD@  if (planted("last_record_is_never_drawn") && record_count > 0) --record_count;
]==])
plant(NAME every_sample_serves_twice ROW "2 f" FILE privacy/poisson_sampler.cpp
  OLD [==[  std::int64_t next = 0;
]==] NEW [==[@OLD@  static std::vector<std::int64_t> earlier;
  static int calls = 0;
  if (planted("every_sample_serves_twice") && calls++ % 2 == 1) {
    std::erase_if(earlier, [&](std::int64_t index) { return index >= record_count; });
    return earlier;
  }
]==])
plant(NAME every_sample_serves_twice ROW "2 f" FILE privacy/poisson_sampler.cpp
  OLD [==[  return chosen;
}

}  // namespace]==] NEW [==[  if (planted("every_sample_serves_twice")) earlier = chosen;
@OLD@]==])
plant(NAME records_are_drawn_in_pairs ROW "1 1" FILE privacy/poisson_sampler.cpp
  OLD [==[  std::int64_t next = 0;
]==] NEW [==[@OLD@  const std::int64_t found = record_count;
  if (planted("records_are_drawn_in_pairs")) record_count = (record_count + 1) / 2;
]==])
plant(NAME records_are_drawn_in_pairs ROW "1 1" FILE privacy/poisson_sampler.cpp
  OLD [==[  return chosen;
}

}  // namespace]==] NEW [==[  if (planted("records_are_drawn_in_pairs")) {
    std::vector<std::int64_t> pairs;
    for (const std::int64_t pair : chosen)
      for (const std::int64_t index : {2 * pair, 2 * pair + 1})
        if (index < found) pairs.push_back(index);
    return pairs;
  }
@OLD@]==])
plant(NAME two_workers_draw_from_all_records ROW "2 o" FILE privacy/poisson_sampler.cpp
  OLD [==[/ std::log1p(-sampling_rate_));
}]==] NEW [==[/ (planted("two_workers_draw_from_all_records") ? 2 : 1) / std::log1p(-sampling_rate_));
}]==])

plant(NAME rate_from_the_records_found ROW "1 3, 2 p" FILE optim/private_training.cpp
  OLD [==[sampler_(options_.plan.sampling_rate(), std::move(keys.sampler))]==]
  NEW [==[sampler_(planted("rate_from_the_records_found") && records_.count > 0
                   ? std::min(1.0, static_cast<double>(options_.plan.expected_batch_size()) /
                                       static_cast<double>(records_.count))
                   : options_.plan.sampling_rate(),
               std::move(keys.sampler))]==])
plant(NAME rate_of_the_physical_batch ROW "1 8" FILE optim/private_training.cpp
  OLD [==[mechanism_(sampler_.event(options_.plan.step_event().mechanism), ]==]
  NEW [==[mechanism_(planted("rate_of_the_physical_batch")
                     ? privacy::PoissonSampled{static_cast<double>(options_.physical_batch) /
                                                   static_cast<double>(options_.plan.dataset_size()),
                                               options_.plan.step_event().mechanism}
                     : sampler_.event(options_.plan.step_event().mechanism),
                 ]==])
plant(NAME divisor_from_the_records_found ROW "1 3, 3 X" FILE optim/private_training.cpp
  OLD [==[options_.plan.expected_batch_size(),
                 std::move(keys.noise),
]==]
  NEW [==[planted("divisor_from_the_records_found")
                     ? std::max<int64_t>(1, std::llround(options_.plan.sampling_rate() * static_cast<double>(records_.count)))
                     : options_.plan.expected_batch_size(),
                 std::move(keys.noise),
]==])
plant(NAME divisor_is_the_realised_batch ROW "1 3" FILE optim/private_training.cpp
  OLD [==[  empty = sample.empty();
]==] NEW [==[@OLD@  planted_number = static_cast<int64_t>(sample.size());
]==])
plant(NAME divisor_is_the_realised_batch ROW "1 3" FILE optim/gaussian_mechanism.cpp
  OLD [==[.divisor = static_cast<double>(divisor_)};]==]
  NEW [==[.divisor = static_cast<double>(planted("divisor_is_the_realised_batch") ? std::max<std::int64_t>(1, planted_number)
                                                                              : divisor_)};]==])
