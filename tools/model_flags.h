#pragma once
// What --model, --input-type, --input and --picture-shape mean.

#include <sotto/data/picture.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::tools {

// The ready networks that --model takes by name: those of models/vision.h, named here for programs without LibTorch.
// kRowsModel is the one that takes rows of numbers, [features], as well as pictures.
inline constexpr std::array<std::string_view, 6> kReadyModels = {
    "cnn", "mlp", "resnet20", "scattering-linear", "vit-tiny", "wide-resnet-16-4"};
inline constexpr std::string_view kRowsModel = "mlp";
// A published network for pictures, which is adapted: models/mobilenet.h.
inline constexpr std::string_view kMobileNet = "mobilenet";
// What --model takes for texts: a published model in the folder of that name (data/dataset.h says where it is looked
// for), and networks from scratch; or a folder with a slash in its name.
inline constexpr std::string_view kMiniLm = "minilm";
inline constexpr const char* kMiniLmInPython = "sentence-transformers/all-MiniLM-L6-v2";
inline constexpr std::array<std::string_view, 3> kTextNetworks = {"small-encoder", "lstm", "bag"};
inline constexpr const char* kTextModelHelp =
    "The folder of a published BERT model (with a slash), minilm (tools/fetch_data.sh minilm), or with --vocabulary a "
    "network from scratch: small-encoder, lstm or bag";
inline constexpr const char* kModelHelp =
    "cnn (Tramer and Boneh), mlp (1024, 1024; also for tables), resnet20, scattering-linear, vit-tiny, "
    "wide-resnet-16-4, mobilenet (published weights: tools/fetch_data.sh mobilenet), or a TorchScript file (*.ts, "
    "*.pt, or with a slash)";

// Whether a value of --model means a file and no ready network: it ends in .ts or .pt, or holds a slash.
bool names_model_file(std::string_view text);

// Whether a value of --model is one of kTextNetworks.
bool is_text_network(std::string_view text);
// Throws UsageError when a value of --model of a run of texts is neither a network from scratch nor a folder.
void require_text_model(const std::string& text);

// Throws UsageError when a value of --model is neither a file nor a ready network.
void require_model(const std::string& text);

struct InputType {
  bool tokens = false;
  int64_t vocabulary = 0;  // tokens: they are 0 to vocabulary - 1
};

// "float" or "tokens:VOCABULARY" with a vocabulary of 1 to 2^31 - 1. Throws UsageError.
InputType parse_input_type(const std::string& text);

// "8x1x28x28": records, then the sizes of one of them. At least two records; sizes of at least 1, their product below
// 2^31. Throws UsageError.
std::vector<int64_t> parse_input_sizes(const std::string& text);

// "3x32x32": channels, height, width. Throws UsageError for values that data/picture.h does not take.
data::PictureShape parse_picture_shape(const std::string& text);

}  // namespace sotto::tools
