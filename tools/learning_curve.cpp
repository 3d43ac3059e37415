#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/json_node.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/learning_curve.h>

#include <variant>

namespace sotto::tools {
namespace {

constexpr const char* kFunction = "learning_curve";
constexpr std::size_t kLargestLine = 1 << 16;

std::optional<double> number(const privacy::JsonNode& line, const privacy::JsonMember& member) {
  if (std::holds_alternative<std::nullptr_t>(member.value.value)) return std::nullopt;
  const std::optional<double> value = privacy::as_number(member.value);
  if (!value) line.refuse(member.key, member.value, "a number or null");
  return value;
}

LearningPoint point_of(privacy::JsonNode line) {
  LearningPoint point;
  point.step = line.integer("step", 0, std::int64_t{1} << 53);
  if (line.take("not_private") != nullptr) point.not_private = line.need<std::string>("not_private", "a text");
  if (line.take(kPrivateEvaluation) != nullptr)
    point.private_evaluation = line.integer(kPrivateEvaluation, 1, std::int64_t{1} << 53);
  for (const privacy::JsonMember& member : line.members()) {
    if (member.key == kPrivateEvaluation) continue;
    if (member.key == "step" || member.key == "not_private") continue;
    const std::optional<double> value = number(line, member);
    if (member.key == "epsilon_spent") {
      if (value && *value < 0) line.refuse(member.key, member.value, "at least 0");
      point.epsilon_spent = value;
    } else if (member.key == "clip_norm") {
      if (!value || *value <= 0) line.refuse(member.key, member.value, "above 0");
      point.clip_norm = value;
    } else if (value) {
      point.metrics.push_back({member.key, *value});
    }
  }
  return point;
}

}  // namespace

std::vector<LearningPoint> read_learning_curve(const std::filesystem::path& path) {
  const std::string text = file_text(path);
  std::vector<LearningPoint> points;
  for (std::size_t begin = 0, line = 1; begin < text.size(); ++line) {
    const std::size_t end = text.find('\n', begin);
    const std::filesystem::path place = fmt::format("{}:{}", path.string(), line);
    if (end == std::string::npos)
      throw DataError(
          fmt::format("[{}] {}: the last line is cut; it must end with a line feed", kFunction, place.string()));
    const privacy::JsonValue value = privacy::parse_settings(kFunction, place, text.substr(begin, end - begin),
                                                             kLargestLine, privacy::kLargestJsonObject);
    LearningPoint point = point_of(privacy::JsonNode(kFunction, place, "", value));
    while (!points.empty() && points.back().step >= point.step) points.pop_back();
    points.push_back(std::move(point));
    begin = end + 1;
  }
  return points;
}

}  // namespace sotto::tools
