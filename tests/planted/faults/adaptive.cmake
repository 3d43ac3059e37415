# Adaptive clipping whose count, or the clip norm that follows from it, is not what is charged.

plant(NAME count_has_no_noise ROW "1 2" FILE optim/gaussian_mechanism.cpp
  OLD [==[  double count = *sum.count_;
]==] NEW [==[@OLD@  if (planted("count_has_no_noise")) return count;
  if (planted("clip_norm_follows_the_count_before_its_noise")) planted_number = std::llround(2 * count);
]==])
plant(NAME clip_norm_follows_the_count_before_its_noise ROW "2 g" FILE optim/gaussian_mechanism.cpp
  OLD [==[  if (!sum.count_) return std::nullopt;
]==] NEW [==[@OLD@]==])
plant(NAME clip_norm_follows_the_count_before_its_noise ROW "2 g" FILE optim/private_training.cpp
  OLD [==[                                        *noised_count, options_.plan.expected_batch_size()));]==]
  NEW [==[                                        planted("clip_norm_follows_the_count_before_its_noise") ? static_cast<double>(planted_number) / 2 : *noised_count,
                                        planted("count_is_divided_by_the_realised_batch") ? std::max<std::int64_t>(1, planted_number) : options_.plan.expected_batch_size()));]==])
plant(NAME count_is_divided_by_the_realised_batch ROW "2 c" FILE optim/private_training.cpp
  OLD [==[  if (!noised_count) return;
]==] NEW [==[@OLD@]==])
plant(NAME count_has_the_noise_of_a_gradient ROW "3 E" FILE optim/gaussian_mechanism.cpp
  OLD [==[{noise.counter.step, kPlaceOfCount}]==]
  NEW [==[{noise.counter.step, planted("count_has_the_noise_of_a_gradient") ? 0 : kPlaceOfCount}]==])
plant(NAME count_costs_nothing ROW "1 6" FILE optim/gaussian_mechanism.cpp
  OLD [==[      noise_multiplier_(count_noise
]==] NEW [==[      noise_multiplier_(count_noise && !planted("count_costs_nothing")
]==])
plant(NAME noise_without_the_clip_norm_of_the_step ROW "1 13" FILE optim/clipper.cpp
  OLD [==[rule_.sensitivity(), clip_norm_, std::exchange(count_, 0)};]==]
  NEW [==[rule_.sensitivity(), planted("noise_without_the_clip_norm_of_the_step") ? rule_.clip_norm() / 2 : clip_norm_, std::exchange(count_, 0)};]==])
plant(NAME record_counts_twice ROW "1 13" FILE optim/clipper.cpp
  OLD [==[ && std::isfinite(norm)) count_ += norm <= clip_norm_ ? 0.5 : -0.5;]==]
  NEW [==[ && std::isfinite(norm)) count_ += (planted("record_counts_twice") ? 2 : 1) * (norm <= clip_norm_ ? 0.5 : -0.5);]==])
plant(NAME resume_begins_with_the_first_clip_norm ROW "2 f" FILE optim/private_training.cpp
  OLD [==[  if (options_.clip_norm) clipper_]==]
  NEW [==[  if (options_.clip_norm && !planted("resume_begins_with_the_first_clip_norm")) clipper_]==])
plant(NAME resume_asks_for_no_clip_norm ROW "2 f" FILE optim/planned_release.cpp
  OLD [==[    if (privacy::read_ledger(ledger).steps_charged() == 0) return;]==]
  NEW [==[    if (planted("resume_asks_for_no_clip_norm") || privacy::read_ledger(ledger).steps_charged() == 0) return;]==])
