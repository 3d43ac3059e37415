// WordPiece with the vocabulary of MiniLM, one thread: bytes of text per second, and seconds to load the vocabulary.
//
//   tools/fetch_data.sh minilm reviews
//   taskset -c 0 build/release/benchmarks/tokenizer_benchmark
//
// Texts: the movie reviews, and a made-up one that needs every step of the normaliser.

#include <benchmark/benchmark.h>
#include <sotto/data/dataset.h>
#include <sotto/data/plain_tokenizer.h>
#include <sotto/data/text_lines.h>
#include <sotto/data/wordpiece.h>

#include <filesystem>
#include <string>
#include <vector>

namespace {

using namespace sotto::data;

// Empty where no data folder has it.
std::filesystem::path data_file(const std::string& name) {
  for (const auto& folder : data_folders())
    if (std::filesystem::exists(folder / name)) return folder / name;
  return {};
}

// False, and the benchmark is skipped, when one is missing.
bool there(benchmark::State& state, const std::filesystem::path& file) {
  if (file.empty()) state.SkipWithError("no data; run tools/fetch_data.sh minilm reviews");
  return !file.empty();
}

std::vector<std::string> reviews(const std::filesystem::path& file) {
  std::vector<std::string> texts;
  TextLines lines(file);
  lines.next();  // the header
  while (const auto line = lines.next()) texts.push_back(line->substr(line->rfind('\t') + 1));
  return texts;
}

template <typename Tokenizer>
void encode_all(benchmark::State& state, const Tokenizer& tokenizer, const std::vector<std::string>& texts,
                std::size_t most_tokens) {
  std::size_t bytes = 0, tokens = 0;
  for (const std::string& text : texts) bytes += text.size();
  for (auto iteration : state) {
    tokens = 0;
    for (const std::string& text : texts) tokens += tokenizer.encode(text, most_tokens).ids.size();
    benchmark::DoNotOptimize(tokens);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * static_cast<std::int64_t>(state.iterations()));
  state.counters["texts"] = static_cast<double>(texts.size());
  state.counters["tokens"] = static_cast<double>(tokens);
}

void encode_reviews(benchmark::State& state) {
  const auto vocabulary = data_file("minilm/vocab.txt"),
             file = data_file("reviews/movieReviewSnippets_GroundTruth.txt");
  if (there(state, vocabulary) && there(state, file))
    encode_all(state, WordPiece::from_vocabulary(vocabulary), reviews(file), 128);
}
BENCHMARK(encode_reviews)->Unit(benchmark::kMillisecond);

// Ideographs, accents, marks that change places, Hangul, capital letters with and without accents.
void encode_all_steps(benchmark::State& state) {
  const auto vocabulary = data_file("minilm/vocab.txt");
  if (!there(state, vocabulary)) return;
  std::string text;
  for (int i = 0; i < 100; ++i)
    text += "\u6771\u4EAC \u00DCn\u00EFc\u00F6d\u00E9 x\u302E\U0001D165 \uD55C\uAE00 \u0416\u0418\u0417\u041D\u042C; ";
  encode_all(state, WordPiece::from_vocabulary(vocabulary), std::vector<std::string>(100, text), 1 << 20);
}
BENCHMARK(encode_all_steps)->Unit(benchmark::kMillisecond);

void plain_words(benchmark::State& state) {
  const auto vocabulary = data_file("minilm/vocab.txt"),
             file = data_file("reviews/movieReviewSnippets_GroundTruth.txt");
  if (there(state, vocabulary) && there(state, file))
    encode_all(state, PlainTokenizer::from_vocabulary(vocabulary, PlainTokenizer::Unit::words), reviews(file), 128);
}
BENCHMARK(plain_words)->Unit(benchmark::kMillisecond);

void load_vocabulary(benchmark::State& state) {
  const auto file = data_file("minilm/vocab.txt");
  if (!there(state, file)) return;
  for (auto iteration : state) benchmark::DoNotOptimize(WordPiece::from_vocabulary(file).vocabulary_size());
}
BENCHMARK(load_vocabulary)->Unit(benchmark::kMillisecond);

void load_tokenizer_json(benchmark::State& state) {
  const auto file = data_file("minilm/tokenizer.json");
  if (!there(state, file)) return;
  for (auto iteration : state) benchmark::DoNotOptimize(WordPiece::from_tokenizer(file).vocabulary_size());
}
BENCHMARK(load_tokenizer_json)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
