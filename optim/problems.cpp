#include <fmt/format.h>
#include <sotto/optim/libtorch_message.h>
#include <sotto/optim/problems.h>
#include <sotto/privacy/error.h>

#include <new>

namespace sotto::optim {

bool collect_problems(Explanation& explanation, const std::function<void()>& work) {
  try {
    work();
    return true;
  } catch (const UsageError& error) {
    explanation.problems.emplace_back(error.what());
  } catch (const DataError& error) {
    explanation.problems.emplace_back(error.what());
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    explanation.failure = libtorch_message(error);
    explanation.problems.push_back(fmt::format("[explain_model] the model itself fails: {}", explanation.failure));
  }
  return false;
}

}  // namespace sotto::optim
